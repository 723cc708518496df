"""The fields of a query that ask about cells: from their arguments to questions, and from answers to JSON."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from weather.api.misses import Outcome, Served
from weather.api.query import MOST_PLACES
from weather.core.answers import Question
from weather.core.cells import Cell, latitude_tenths, longitude_tenths
from weather.core.datasets import Dataset
from weather.core.units import Name
from weather.graphql.errors import Refused
from weather.graphql.execution.answer_plan import AnswerPlan
from weather.graphql.execution.arguments import Arguments, NotAnArgument
from weather.graphql.execution.fragments import FragmentsMemory
from weathernote.http import problems
from weathernote.http.problems import Problem

Path = list[str | int]
_NULL = b"null"
_MUST_NOT_BE_NULL = "must not be null"


class Failed(NamedTuple):
    """What is null in an answer, and why: a whole part, or a field of a part."""

    path: Path
    problem: Problem
    is_whole_part: bool = True


class CellField(NamedTuple):
    """A field about one cell, or about several."""

    alias: str
    prefix: bytes
    dataset: Dataset
    arguments: Arguments
    plan: AnswerPlan
    is_about_several: bool


class AskedCells(NamedTuple):
    """A field of a request: the questions about each of its cells, or what is wrong with a position."""

    field: CellField
    variables: Mapping[str, Any]
    places: Sequence[Sequence[Question] | Problem]

    def questions(self) -> Iterator[Question]:
        """All that it asks."""
        for place in self.places:
            if not isinstance(place, Problem):
                yield from place


def asked_cells(field: CellField, variables: Mapping[str, Any]) -> AskedCells:
    """What a field asks about cells, given the coerced variables.

    Raises Refused for too many positions, and for a null that leaves a field about several cells without a value: it
    is never null itself.
    """
    try:
        given = field.arguments.values(variables)
    except NotAnArgument as wrong:
        problem = problems.invalid_parameters([(str(wrong), _MUST_NOT_BE_NULL)])
        if field.is_about_several:
            raise Refused(problem.text, [{"message": problem.text, "path": [field.alias]}]) from None
        return AskedCells(field, variables, [problem])
    positions = given["positions"] if field.is_about_several else [given]
    if len(positions) > MOST_PLACES:
        raise Refused(f"{field.alias} has {len(positions)} positions; {MOST_PLACES} are the most.")
    try:
        kinds = field.plan.asked(variables)
    except Problem as wrong:
        return AskedCells(field, variables, [wrong for _ in positions])
    units: Name = given["units"].value if field.dataset.has_imperial_units else "metric"
    return AskedCells(field, variables, [_questions(field, one, kinds, units) for one in positions])


def _questions(field: CellField, position: Mapping[str, Any], kinds: Any, units: Name) -> list[Question] | Problem:
    # The shortest decimal of a number is what its sender wrote, and cells are rounded on decimals.
    try:
        north, east = latitude_tenths(repr(position["lat"])), longitude_tenths(repr(position["lon"]))
    except ValueError:
        return _wrong_position(position)
    return [_question(field.dataset, north, east, days, units) for _, days in kinds]


@lru_cache(maxsize=8192)
def _question(dataset: Dataset, tenths_lat: int, tenths_lon: int, days: int | None, units: Name) -> Question:
    return Question(dataset, Cell(tenths_lat, tenths_lon), days, units)


def _wrong_position(position: Mapping[str, Any]) -> Problem:
    wrong = []
    for name, tenths in (("lat", latitude_tenths), ("lon", longitude_tenths)):
        try:
            tenths(repr(position[name]))
        except ValueError as invalid:
            wrong.append((name, str(invalid)))
    return problems.invalid_parameters(wrong)


def text_of(
    asked: AskedCells,
    outcomes: Mapping[Question, Outcome],
    memory: FragmentsMemory,
    failed: list[Failed],
    *,
    as_cached: bool = False,
) -> bytes:
    """The JSON of the field's value, null for what could not be answered, which is added to `failed`."""
    field, texts = asked.field, []
    for number, place in enumerate(asked.places):
        path: Path = [field.alias, number] if field.is_about_several else [field.alias]
        found = [place] if isinstance(place, Problem) else [outcomes[question] for question in place]
        problem = next((one for one in found if isinstance(one, Problem)), None)
        if problem is None and not isinstance(place, Problem):
            served = [(question, one) for question, one in zip(place, found, strict=True) if isinstance(one, Served)]
            texts.append(field.plan.text(served, memory, asked.variables, as_cached=as_cached))
            for alias in field.plan.without_days(asked.variables):
                null = problems.invalid_parameters([("days", _MUST_NOT_BE_NULL)])
                failed.append(Failed([*path, alias], null, is_whole_part=False))
            continue
        if problem is not None:
            failed.append(Failed(path, problem))
        texts.append(_NULL)
    return b"[%s]" % b",".join(texts) if field.is_about_several else texts[0]
