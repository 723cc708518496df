"""The models of places move here from prewarm; their tables stay as they are, with their names and rows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("prewarm", "0006_prewarm_run_by_staff")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Place",
                    fields=[
                        ("id", models.IntegerField(primary_key=True, serialize=False)),
                        ("name", models.CharField(max_length=100)),
                        ("country", models.CharField(max_length=2)),
                        ("region", models.CharField(blank=True, max_length=100)),
                        ("latitude", models.FloatField()),
                        ("longitude", models.FloatField()),
                        ("timezone", models.CharField(max_length=64)),
                        ("population", models.PositiveIntegerField()),
                    ],
                    options={"db_table": "prewarm_place", "ordering": ("pk",), "default_permissions": ()},
                ),
                migrations.CreateModel(
                    name="PlaceName",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.BinaryField()),
                        (
                            "place",
                            models.ForeignKey(
                                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="weather.place"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "prewarm_placename",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["key", "place"], name="place_by_name")],
                    },
                ),
            ]
        )
    ]
