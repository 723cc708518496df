"""The models of places are the weather app's from here on; nothing in the database changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("prewarm", "0006_prewarm_run_by_staff"), ("weather", "0001_places")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel("PlaceName"), migrations.DeleteModel("Place")]
        )
    ]
