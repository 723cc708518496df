"""A new database begins with the largest cities of GeoNames (prewarm/cities/data)."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import migrations

from weather.core.cells import Cell

TABLE = Path(__file__).resolve().parent.parent / "cities" / "data" / "cities.csv"


def load(apps: Any, schema_editor: Any) -> None:
    city = apps.get_model("prewarm", "City")
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    largest = [
        city(
            name=row["name"],
            country=row["country"],
            latitude=Decimal(row["latitude"]),
            longitude=Decimal(row["longitude"]),
            timezone=row["timezone"],
            population=int(row["population"]),
            order=int(row["order"]),
            cell=Cell.parse(row["latitude"], row["longitude"]).key,
        )
        for row in rows
    ]
    # Back does not take them away, so that some or all may be there already.
    city.objects.using(schema_editor.connection.alias).bulk_create(largest, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("prewarm", "0001_initial")]

    # Back: the table goes with the migration before; cities that staff changed are not guessed at.
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
