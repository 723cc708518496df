"""What strawberry's own resolvers need: answers of the service, looked up one by one where a field asks for them."""

import json
from collections.abc import Sequence
from typing import Any

from weather.api.misses import Served
from weather.api.service import requester_of, service_of
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import DATASETS, Dataset
from weather.core.units import Name
from weather.places.question import Position, Search
from weather.places.search import places
from weather.places.table import table
from weathernote import redis
from weathernote.http.request_context import RequestContext


class AnswerOfACell:
    """An answer whose sections are looked up when a field asks for them; it says of itself what the first one does."""

    def __init__(self, dataset: Dataset, cell: Cell, units: Name) -> None:
        self.dataset, self.cell, self.unit_names = dataset, cell, units
        self.bodies: dict[int | None, dict[str, Any]] = {}

    def body(self, days: int | None) -> dict[str, Any]:
        if days not in self.bodies:
            service = service_of(self.dataset)
            question = Question(self.dataset, self.cell, days, self.unit_names)
            outcome = service.answer(
                question, redis.fetch_one(service.lookup(question)), requester_of(RequestContext())
            )
            if not isinstance(outcome, Served):
                raise outcome
            self.bodies[days] = json.loads(outcome.text)
        return self.bodies[days]

    def section_of_days(self, name: str, days: int) -> dict[str, Any]:
        return {column: values[:days] for column, values in self.body(max(7, days))[name].items()}

    @property
    def hourly(self) -> dict[str, Any]:
        section: dict[str, Any] = self.body(7 if self.dataset.name == "weather" else None)["hourly"]
        return section

    def __getattr__(self, name: str) -> Any:
        return self.body(None)[name]


class Resolving:
    """The context of a query that graphql-core executes."""

    def answer(self, dataset: str, lat: float, lon: float, units: Name) -> AnswerOfACell:
        (found,) = [one for one in DATASETS if one.name == dataset]
        return AnswerOfACell(found, Cell.parse(repr(lat), repr(lon)), units if found.has_imperial_units else "metric")

    def answers(self, dataset: str, positions: Sequence[Any], units: Name) -> list[AnswerOfACell]:
        return [self.answer(dataset, one.lat, one.lon, units) for one in positions]

    def places(self, search: str | None, lat: float | None, lon: float | None, limit: int) -> list[Any]:
        if search is None:
            text = table().answer(*Position(lat or 0, lon or 0))
        else:
            text = places().answer(*Search(search, limit))
        found: list[Any] = json.loads(text)["places"]
        return found
