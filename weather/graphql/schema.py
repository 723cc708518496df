"""The GraphQL schema: strawberry's, of the types that follow from the datasets.

Requests are executed by plans (execution/answer_plan.py). The resolvers here serve graphql-core's own execution, to
which tests hold the plans, with a context that has the methods `answer`, `answers`, `places` and `cities`.
"""

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any

import strawberry
from graphql import GraphQLSchema, print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition

from weather.api.query import MOST_PLACES
from weather.graphql.types import DATASET_TYPES, City, DatasetType, Place
from weather.places.question import USUAL_LIMIT
from weather.places.search import MOST_PLACES as MOST_FOUND


@strawberry.enum(description="The units of values, with their names as Open-Meteo's.")
class Units(enum.Enum):
    """The names of units, as in Question."""

    METRIC = strawberry.enum_value("metric", description="°C, km/h, mm")
    IMPERIAL = strawberry.enum_value("imperial", description="°F, mp/h (miles an hour), inch, ft")


@strawberry.input(description="A position in degrees. Its answer is that of the 0.1° cell that it lies in.")
class Position:
    """A position, rounded to its cell by the shortest decimal that stands for each number."""

    lat: float = strawberry.field(description="Degrees north, -90 to 90")
    lon: float = strawberry.field(description="Degrees east, -180 to 180")


#: The suffix of the field about several positions.
SEVERAL = "At"


def _one(made: DatasetType) -> Any:
    def resolve(self: Any, info: strawberry.Info, lat: float, lon: float, units: Units = Units.METRIC) -> Any:
        return info.context.answer(made.dataset.name, lat, lon, units.value)

    resolve.__annotations__["return"] = made.type | None
    meaning = f"The {_words(made)} of the cell at a position; null where it failed, with an error that says why."
    return strawberry.field(resolver=resolve, description=meaning)


def _several(made: DatasetType) -> Any:
    def resolve(self: Any, info: strawberry.Info, positions: list[Position], units: Units = Units.METRIC) -> list[Any]:
        return info.context.answers(made.dataset.name, positions, units.value)

    resolve.__annotations__["return"] = list[made.type | None]  # type: ignore[name-defined]
    meaning = (
        f"The {_words(made)} of the cells at up to {MOST_PLACES} positions, in their order; null for one that failed."
    )
    return strawberry.field(resolver=resolve, description=meaning)


def _words(made: DatasetType) -> str:
    return made.dataset.name.replace("_", " ")


def _places(
    self: Any,
    info: strawberry.Info,
    search: str | None = None,
    lat: float | None = None,
    lon: float | None = None,
    limit: int = USUAL_LIMIT,
) -> list[Place] | None:
    found: list[Any] = info.context.places(search, lat, lon, limit)
    return found


def _cities(self: Any, info: strawberry.Info, search: str | None = None) -> list[City] | None:
    found: list[Any] = info.context.cities(search)
    return found


def _query() -> Any:
    fields: dict[str, Any] = {}
    for made in DATASET_TYPES:
        fields[made.dataset.name] = _one(made)
        fields[f"{made.dataset.name}_{SEVERAL.lower()}"] = _several(made)
    fields["places"] = strawberry.field(
        resolver=_places,
        description="Places of the world by the start of any usual name, the most populous first; or, with `lat` and "
        f"`lon` in place of `search`, the one that people would name for a position. `limit` is up to {MOST_FOUND}.",
    )
    fields["cities"] = strawberry.field(
        resolver=_cities,
        description="The cities whose weather is kept ready, in staff's order; or those whose name contains `search`.",
    )
    return strawberry.type(type("Query", (), fields), description="All that can be asked.")


def _item(source: Any, name: str) -> Any:
    """The default resolver: a field of an object, or of a dict by its Python name."""
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name)


@functools.cache
def strawberry_schema() -> strawberry.Schema:
    """The schema of this process, made at the first call."""
    return strawberry.Schema(query=_query(), config=StrawberryConfig(default_resolver=_item))


def graphql_schema() -> GraphQLSchema:
    """The same as graphql-core's."""
    return strawberry_schema()._schema


@functools.cache
def python_names() -> dict[str, dict[str, str]]:
    """Type → field → the name in an answer's JSON: `temperature_2m` of `temperature2m`."""
    schema = strawberry_schema()
    name_of: Callable[[Any], str] = schema.config.name_converter.get_graphql_name
    return {
        made.name: {name_of(field): field.python_name for field in made.fields}
        for item in schema.schema_converter.type_map.values()
        if isinstance(made := item.definition, StrawberryObjectDefinition)
    }


def sdl() -> str:
    """The schema as text, for docs/schema.graphql."""
    return f"{print_schema(graphql_schema())}\n"
