"""The columns of cities in files that staff import and export."""

import math
from collections.abc import Callable
from copy import copy
from decimal import Decimal
from time import monotonic
from typing import Any

from import_export import fields, resources, widgets

from prewarm.cities.models import City, stored_degrees
from weather.core.cells import Cell, InvalidPosition, latitude_tenths, longitude_tenths

#: A preview checks the file and renders the result within one request: this is the part of its time for rendering. A
#: confirmed import runs in the background, without that limit.
SHOW_SECONDS = 3.0
#: The distance between the orders of two cities, so that staff can put others between them.
ORDER_STEP = 10

_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")


class TooSlow(Exception):
    """The check takes longer than a browser should wait; the message tells staff how far it came."""


class Degrees(widgets.Widget):
    """Degrees by the rules of the API, so that a decimal comma is refused with the same message."""

    def __init__(self, parse: Callable[[str], int]) -> None:
        super().__init__()
        self.parse = parse

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal:
        """The degrees as the table holds them. Raises InvalidPosition, a ValueError."""
        return stored_degrees(str(value).strip(), self.parse)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Degrees without trailing zeros, empty for None."""
        return "" if value is None else format(Decimal(value).normalize(), "f")


class WholeNumber(widgets.Widget):
    """A whole number of 0 or more, None for an empty cell."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        """The number. Raises ValueError for anything else; digits past the twentieth are cut off."""
        text = str(value).strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit()):
            raise ValueError("must be a whole number of 0 or more")
        return int(text[:20])


class Boolean(widgets.Widget):
    """1, true or yes; 0, false or no; None for an empty cell."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        """The value. Raises ValueError for other words."""
        text = str(value).strip().lower()
        if not text:
            return None
        if text not in (*_TRUE, *_FALSE):
            raise ValueError("must be 1 or 0")
        return text in _TRUE

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """1 or 0."""
        return "1" if value else "0"


class Text(widgets.Widget):
    """Text without blanks around it."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        """The stripped text."""
        return str(value).strip()


def _field(name: str, widget: widgets.Widget, **options: Any) -> fields.Field:
    return fields.Field(name, name, widget, **options)


class CityResource(resources.ModelResource):
    """A row changes the city with its name in its cell, or adds it if there is none."""

    name = _field("name", Text())
    country = _field("country", Text())
    latitude = _field("latitude", Degrees(latitude_tenths))
    longitude = _field("longitude", Degrees(longitude_tenths))
    timezone = _field("timezone", Text())
    population = _field("population", WholeNumber(), default=0)
    order = _field("order", WholeNumber())
    active = _field("active", Boolean(), default=True)
    notes = _field("notes", Text())

    class Meta:
        model = City
        fields = ("name", "country", "latitude", "longitude", "timezone", "population", "order", "active", "notes")
        export_order = fields
        import_id_fields = ("name", "latitude", "longitude")
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        use_transactions = True

    def __init__(self, seconds_left: float = math.inf, **kwargs: Any) -> None:
        """`seconds_left` is how long the request may still take."""
        super().__init__(**kwargs)
        self._checks_until = monotonic() + seconds_left - SHOW_SECONDS

    def import_data(self, dataset: Any, dry_run: bool = False, **kwargs: Any) -> Any:
        """Raises TooSlow if a dry run, for which a browser waits, takes too long."""
        self._has_deadline, self._checked, self._rows = dry_run, 0, len(dataset)
        # One query in place of one for each row.
        self._known = {(city.cell, city.name): city for city in self.get_queryset()}
        self._last_order = max((city.order for city in self._known.values()), default=0) + ORDER_STEP
        return super().import_data(dataset, dry_run=dry_run, **kwargs)

    def import_row(self, *args: Any, **kwargs: Any) -> Any:
        """Imports a row, as long as there is time. Raises TooSlow."""
        if self._has_deadline and monotonic() > self._checks_until:
            raise TooSlow(
                f"{self._checked:,} of {self._rows:,} rows were checked in the time that a browser waits: "
                "import the file in smaller parts."
            )
        self._checked += 1
        return super().import_row(*args, **kwargs)

    def import_field(self, field: Any, instance: City, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """Sets a field; without an order a new city comes last, and a known one keeps its own."""
        if field.attribute != "order" or row.get("order", "").strip():
            super().import_field(field, instance, row, is_m2m, **kwargs)
        elif instance.pk is None:
            instance.order = self._last_order  # a city that exists keeps its own

    def validate_instance(
        self, instance: City, import_validation_errors: Any = None, validate_unique: bool = False
    ) -> None:
        """Runs the validators of the model."""
        # False by default, unlike the base class: get_instance has found out without a query whether the city exists.
        super().validate_instance(instance, import_validation_errors, validate_unique)

    def get_instance(self, instance_loader: Any, row: Any) -> City | None:
        """A copy of the known city with the name and cell of the row, None if there is none."""
        try:
            cell = Cell.parse(row["latitude"].strip(), row["longitude"].strip())
        except InvalidPosition:
            return None  # the fields report what is wrong
        # A copy, so that a row that is refused leaves the known city unchanged.
        return copy(self._known.get((cell.key, row["name"].strip())))

    def after_save_instance(self, instance: City, row: Any, **kwargs: Any) -> None:
        """Makes the saved city known to the rows that follow."""
        self._known[instance.cell, instance.name] = instance
