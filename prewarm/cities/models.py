"""The tables of the cities that prewarm keeps warm, and of their imports."""

import functools
from collections.abc import Callable, Collection
from contextlib import suppress
from decimal import ROUND_DOWN, Decimal
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone as clock

from prewarm import unended
from prewarm.cities import cities_cache, countries
from weather.core.cells import Cell, InvalidPosition, latitude_tenths, longitude_tenths

#: A tenth of a metre: more than any phone or map knows.
_POSITION_STEP = Decimal("0.000001")


def stored_degrees(text: str, parse: Callable[[str], int]) -> Decimal:
    """The degrees in `text` with the six decimals that the table holds.

    `parse` is latitude_tenths or longitude_tenths, and raises InvalidPosition. Further decimals are cut off, not
    rounded: that never moves a position into another cell.
    """
    parse(text)
    # Adding zero turns -0.000000 into 0.
    return Decimal(text).quantize(_POSITION_STEP, rounding=ROUND_DOWN) + 0


def validate_country(code: str) -> None:
    """Raises ValidationError unless `code` is a country's in ISO 3166, in either case."""
    if code.upper() not in countries.names():
        raise ValidationError("must be a country's two letters by ISO 3166, such as JP")


def validate_timezone(name: str) -> None:
    """Raises ValidationError unless `name` is an IANA zone."""
    if name not in _timezones():
        raise ValidationError("must be an IANA time zone, such as Asia/Tokyo")


# Without a cache this lookup in the file system takes as long as importing a city.
_timezones = functools.cache(available_timezones)


def validate_latitude(degrees: Decimal) -> None:
    """Raises ValidationError for what the API refuses as a latitude."""
    _validate(latitude_tenths, degrees)


def validate_longitude(degrees: Decimal) -> None:
    """Raises ValidationError for what the API refuses as a longitude."""
    _validate(longitude_tenths, degrees)


def _text(degrees: Decimal | float | None) -> str:
    return str(degrees).replace("E+", "E")


def _validate(parse: Callable[[str], int], degrees: Decimal) -> None:
    try:
        parse(_text(degrees))
    except InvalidPosition as invalid:
        raise ValidationError(invalid.detail) from None


class CityQuerySet(models.QuerySet["City"]):
    """Cities, and the named selections of them."""

    def active(self) -> "CityQuerySet":
        """The cities that are shown and kept warm, in staff's order."""
        return self.filter(active=True).order_by(*City.STAFFS_ORDER)

    def update(self, **changes: Any) -> int:
        """Also invalidates the cached list, for which Django's own `update` sends no signal."""
        changed = super().update(**changes)
        cities_cache.invalidate_after_commit()
        return changed


class City(models.Model):
    """A city whose weather prewarm keeps cached."""

    STAFFS_ORDER = ("order", "-population", "name", "pk")

    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, validators=[validate_country], help_text="Two letters, such as JP.")
    latitude = models.DecimalField(
        max_digits=9, decimal_places=6, validators=[validate_latitude], help_text="Degrees north, such as 40.7128."
    )
    longitude = models.DecimalField(
        max_digits=9, decimal_places=6, validators=[validate_longitude], help_text="Degrees east, such as -74.0060."
    )
    timezone = models.CharField(
        "time zone", max_length=64, validators=[validate_timezone], help_text="IANA name, such as America/New_York."
    )
    population = models.PositiveIntegerField(default=0)
    order = models.PositiveIntegerField(
        default=0, db_index=True, help_text="Lower comes first; cities of one order by population."
    )
    active = models.BooleanField(
        default=True, db_index=True, help_text="Shown to clients and kept warm; switch off rather than delete."
    )
    notes = models.TextField(blank=True, help_text="For staff alone.")
    cell = models.CharField(max_length=32, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    objects = CityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "cities"
        ordering = ("order", "-population", "name", "pk")
        constraints = [models.UniqueConstraint(fields=("cell", "name"), name="city_once_per_cell")]

    def __str__(self) -> str:
        return f"{self.name}, {self.country}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves the city with its position cut off to six decimals and the cell of that."""
        self._normalize()
        chosen = kwargs.get("update_fields")
        if chosen is not None and {"latitude", "longitude"} & set(chosen):
            kwargs["update_fields"] = {*chosen, "cell"}
        super().save(*args, **kwargs)

    @property
    def as_cell(self) -> Cell:
        """The cell as the value that the weather apps use."""
        return Cell.from_key(self.cell)

    def clean(self) -> None:
        """Sets the cell before the constraints are checked."""
        # A position that its fields refuse has no cell; they report it.
        with suppress(InvalidPosition, AttributeError):
            self._normalize()

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Names a city that exists already at its field: Django checks no constraint on `cell`, which is in no form."""
        super().validate_unique(exclude)
        if {"name", "latitude", "longitude"} & set(exclude or ()):
            return
        if City.objects.filter(cell=self.cell, name=self.name).exclude(pk=self.pk).exists():
            raise ValidationError({"name": f"{self.name} is in this cell already."})

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Does nothing: `validate_unique` has checked the only constraint, with a query of its own."""

    def _normalize(self) -> None:
        self.country = self.country.upper()
        self.latitude = stored_degrees(_text(self.latitude), latitude_tenths)
        self.longitude = stored_degrees(_text(self.longitude), longitude_tenths)
        self.cell = Cell.parse(_text(self.latitude), _text(self.longitude)).key


class CityImport(models.Model):
    """The result of one file of cities that staff confirmed."""

    #: Null while the import goes on, and for good if it was killed: then nothing was imported.
    RESULTS = ((0, "done"), (1, "failed"))

    started = models.DateTimeField(default=clock.now, db_index=True)
    finished = models.DateTimeField(null=True, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    user = models.CharField(max_length=150, blank=True)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    result = models.PositiveSmallIntegerField(choices=RESULTS, null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ("-started", "-pk")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Import of {self.started:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def result_in_words(self) -> str:
        """The result, or whether an import without one may still go on."""
        return self.get_result_display() or unended.in_words(self.started)

    def end(self, failure: str = "") -> None:
        """Saves the end of the import: done, or with `failure` the reason why nothing was imported."""
        self.finished = clock.now()
        self.result, self.message = int(bool(failure)), failure
        self.save()
