"""The places that clients can search: all of GeoNames above 15,000 people (weather/places/data)."""

import csv
import gzip
from pathlib import Path
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

TABLE = Path(__file__).resolve().parents[2] / "weather" / "places" / "data" / "places.csv.gz"
PLACE = ("id", "name", "country", "region", "latitude", "longitude", "timezone", "population")


def load(apps: Any, schema_editor: Any) -> None:
    with gzip.open(TABLE, "rt", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    write(schema_editor.connection, "prewarm_place", PLACE, [(rank, *row[:-1]) for rank, row in enumerate(rows, 1)])
    names = [(name.encode(), rank) for rank, row in enumerate(rows, 1) for name in row[-1].split("|")]
    names.sort()
    write(schema_editor.connection, "prewarm_placename", ("key", "place_id"), names)


def write(connection: Any, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Puts in all rows at once: as models they would take ten times as long, and every new database waits for them."""
    named = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", rows)
            return
        with cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


class Migration(migrations.Migration):
    dependencies = [("prewarm", "0003_city_editors")]

    operations = [
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
            options={"ordering": ("pk",), "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="PlaceName",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BinaryField()),
                (
                    "place",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="prewarm.place"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["key", "place"], name="place_by_name")],
            },
        ),
        # Back: the tables go with their rows.
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
