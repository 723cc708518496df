"""The GraphQL types of answers, generated from the datasets' declarations: a new variable shows by itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import strawberry
from django.conf import settings
from strawberry.types.field import StrawberryField

from weather.api.openapi.descriptions import DEPRECATED
from weather.api.openapi.field_shapes import MEANINGS, Kind, shapes_of
from weather.api.openapi.serializers import AnswerSerializer, GridSerializer
from weather.api.query import MAX_DAYS
from weather.core.datasets import DATASETS, AnswerKind, Dataset, Section
from weather.places.serializers import PlaceSerializer

_PYTHON: dict[Kind, Any] = {"date": str, "datetime": str, "integer": int, "number": float, "boolean": bool}
_SCALARS = {
    "FloatField": float,
    "IntegerField": int,
    "BooleanField": bool,
    "CharField": str,
    "ChoiceField": str,
    "DateTimeField": str,
}


class DatasetType(NamedTuple):
    """The type of the answers about a dataset, and the kind of answer that each section is in, by its name.

    `base` is the dataset without extra variables, which questions name; `dataset` has them.
    """

    base: Dataset
    dataset: Dataset
    type: Any
    kinds: Mapping[str, AnswerKind]


def _typed(name: str, meaning: str, fields: Mapping[str, tuple[Any, StrawberryField]]) -> Any:
    """A strawberry type with these fields: name → annotation and field."""
    annotations = {field: annotation for field, (annotation, _) in fields.items()}
    namespace = {"__annotations__": annotations, **{field: made for field, (_, made) in fields.items()}}
    return strawberry.type(type(name, (), namespace), description=meaning)


def _of_serializer(serializer: Any, left_out: tuple[str, ...] = ()) -> dict[str, tuple[Any, StrawberryField]]:
    """The fields of what the OpenAPI schema describes, with its descriptions."""
    fields: dict[str, tuple[Any, StrawberryField]] = {}
    for name, field in serializer._declared_fields.items():
        if name not in left_out:
            scalar = _SCALARS[type(field).__name__]
            is_nullable = field.allow_null or not field.required
            fields[name] = scalar | None if is_nullable else scalar, strawberry.field(description=field.help_text)
    return fields


Grid = _typed("Grid", "The weather model's own point.", _of_serializer(GridSerializer))
Place = _typed("Place", "A place of the world with a name.", _of_serializer(PlaceSerializer))
City = _typed("City", "A city whose weather is kept ready.", _of_serializer(PlaceSerializer, ("region", "distance_km")))


@strawberry.type(description="The unit of a value.")
class ValueUnit:
    """The name of a value, as its field's, and its unit, empty where it has none."""

    name: str = strawberry.field(description="The value's field")
    unit: str = strawberry.field(description="As Open-Meteo writes it; empty where there is none")


def _section_type(section: Section, dataset: Dataset, prefix: str) -> Any:
    fields = {}
    for name, shape in shapes_of(section, dataset).items():
        item = _PYTHON[shape.kind] | None if shape.is_nullable else _PYTHON[shape.kind]
        annotation = list[item] if section.has_columns else item  # type: ignore[valid-type]
        if name not in section.names:  # a record of an instance without this extra variable lacks it
            annotation = annotation | None
        field = strawberry.field(description=shape.meaning, deprecation_reason=DEPRECATED.get(name))
        fields[name] = annotation, field
    return _typed(f"{prefix}{section.name.title()}", MEANINGS[section.name], fields)


def _days_field(section: Section, kind: AnswerKind) -> StrawberryField:
    """A field with the argument `days`, whose value an answer object gives by `section_of_days`."""
    usual_days, name = kind.usual_days or 0, section.name

    def resolve(self: Any, days: int = usual_days) -> Any:
        return self.section_of_days(name, days)

    meaning = f"{MEANINGS[name]} `days` is from 1 to {MAX_DAYS}."
    return strawberry.field(resolver=resolve, description=meaning)


def _answer_type(base: Dataset, name: str, meaning: str) -> DatasetType:
    dataset = base.with_extras(settings.EXTRA_VARIABLES)
    envelope = _of_serializer(AnswerSerializer, ("grid", "units"))
    fields: dict[str, tuple[Any, StrawberryField]] = {
        "grid": (Grid, strawberry.field(description="The weather model's own point")),
        "units": (
            list[ValueUnit],
            strawberry.field(description="The units of the values, by the names of their fields"),
        ),
        **envelope,
    }
    kinds: dict[str, AnswerKind] = {}
    for kind in dataset.kinds:
        for section in kind.sections:
            made = _section_type(section, dataset, name)
            takes_days = kind.takes_days and section.name == "daily"
            field = _days_field(section, kind) if takes_days else strawberry.field(description=MEANINGS[section.name])
            if takes_days and field.base_resolver:
                field.base_resolver.wrapped_func.__annotations__["return"] = made | None
            fields[section.name] = made | None, field
            kinds[section.name] = kind
    return DatasetType(base, dataset, _typed(name, meaning, fields), kinds)


def _name(dataset: Dataset) -> str:
    return dataset.name.title().replace("_", "")


_MEANINGS = {
    "weather": "The weather of a 0.1° cell: now, by day and by hour. Of two answers it says the time of the older.",
    "air_quality": "The air of a 0.1° cell: indices, pollutants and, in Europe, pollen.",
}

#: Of each dataset, with this instance's extra variables, in their order.
DATASET_TYPES = [
    _answer_type(one, _name(one), _MEANINGS.get(one.name, f"The {one.name} of a 0.1° cell.")) for one in DATASETS
]
