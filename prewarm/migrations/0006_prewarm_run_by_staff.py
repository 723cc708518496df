"""Which runs were "prewarm now" of staff; what failed in those is no sign for the command's next run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prewarm", "0005_city_imports")]

    operations = [
        migrations.AddField(
            model_name="prewarmrun",
            name="by_staff",
            field=models.BooleanField("by staff", default=False, db_default=False),
        ),
    ]
