"""How the JSON of a selected answer is put together from the pieces of finished answers."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLObjectType, GraphQLSchema, SelectionSetNode, get_named_type

from weather.api.misses import Served
from weather.api.query import MAX_DAYS
from weather.core.answers import Question
from weather.core.datasets import AnswerKind
from weather.graphql.execution.arguments import Arguments, NotAnArgument
from weather.graphql.execution.fragments import Fragments, FragmentsMemory, Pieces, dumped
from weather.graphql.execution.selection import Fragments as FragmentDefinitions
from weather.graphql.execution.selection import fields_of
from weathernote.http import problems
from weathernote.http.problems import Problem

#: What a selection of plain values takes: the text before a value, and the value's name; an empty one takes no value.
Picks = tuple[tuple[bytes, str], ...]
_NULL = b"null"
_WRONG_DAYS = ("days", f"must be a whole number from 1 to {MAX_DAYS}")
#: Of two answers about one cell, what is said of both.
_OLDER = ("fetched_at", "expires_at")


class Compiling(NamedTuple):
    """What compiling a selection needs: the schema, its names, and the document's fragments and conditions."""

    schema: GraphQLSchema
    python_names: Mapping[str, Mapping[str, str]]
    fragments: FragmentDefinitions
    variables: Mapping[str, Any]

    def fields(self, nodes: Iterable[FieldNode]) -> dict[str, list[FieldNode]]:
        """Response name → fields, of the selections of fields that share a response name."""
        selections: list[SelectionSetNode | None] = [node.selection_set for node in nodes]
        return fields_of(selections, self.fragments, self.variables)

    def picks(self, type_: GraphQLObjectType, nodes: Iterable[FieldNode]) -> Picks:
        """A selection of plain values of this type."""
        names = self.python_names[type_.name]
        picks = []
        for alias, (node, *_) in self.fields(nodes).items():
            prefix, name = b"%s:" % dumped(alias), node.name.value
            is_typename = name == "__typename"
            picks.append((prefix + dumped(type_.name), "") if is_typename else (prefix, names[name]))
        return tuple(picks)


def picked(picks: Picks, values: Pieces) -> bytes:
    """A JSON object of the picked values; what the answer lacks is null."""
    return b"{%s}" % b",".join([prefix + values.get(name, _NULL) if name else prefix for prefix, name in picks])


class _Item(NamedTuple):
    """A field of an answer: a value, the grid, the units or a section; with the days of a section that takes them."""

    prefix: bytes
    alias: str
    name: str
    picks: Picks | None = None
    days: Arguments | None = None


class AnswerPlan:
    """A selection of an answer's type, compiled once for a document."""

    def __init__(
        self,
        compiling: Compiling,
        type_: GraphQLObjectType,
        kinds: Mapping[str, AnswerKind],
        nodes: Sequence[FieldNode],
    ) -> None:
        self._kinds = kinds
        self._type_name = type_.name
        self._items = [self._item(compiling, type_, alias, nodes) for alias, nodes in compiling.fields(nodes).items()]
        #: The fields of section that are selected, by section.
        self._sections = {item.name for item in self._items if item.name in kinds}
        self._with_days = [item for item in self._items if item.days]
        self._names = compiling.python_names
        #: Whether it says if an upstream call was made: then its text is another for the request that made one.
        self.says_cached = any(item.name == "cached" for item in self._items)
        self._constant = None
        if all(item.days.is_constant for item in self._with_days if item.days):
            with suppress(Problem):  # each request hears of it
                self._constant = self._asked({})

    def _item(self, compiling: Compiling, type_: GraphQLObjectType, alias: str, nodes: list[FieldNode]) -> _Item:
        prefix, field_name = b"%s:" % dumped(alias), nodes[0].name.value
        if field_name == "__typename":
            return _Item(prefix + dumped(type_.name), alias, "")
        field = type_.fields[field_name]
        name, made = compiling.python_names[type_.name][field_name], get_named_type(field.type)
        if not isinstance(made, GraphQLObjectType):
            return _Item(prefix, alias, name)
        days = Arguments(field, nodes[0]) if "days" in field.args else None
        return _Item(prefix, alias, name, compiling.picks(made, nodes), days)

    # ── what is asked ─────────────────────────────────────────────────────────────────────────────

    def asked(self, variables: Mapping[str, Any]) -> tuple[tuple[AnswerKind, int | None], ...]:
        """The kinds of answers that it takes, each with its days; current conditions where it names no section.

        Raises Problem (400) for a number of days that is none. One that is null is about its own section alone.
        """
        return self._asked(variables) if self._constant is None else self._constant

    def _asked(self, variables: Mapping[str, Any]) -> tuple[tuple[AnswerKind, int | None], ...]:
        most_days = 0
        for item in self._with_days:
            days = _days(item, variables)
            if days is None:
                continue
            if not 1 <= days <= MAX_DAYS:
                raise problems.invalid_parameters([_WRONG_DAYS])
            most_days = max(most_days, days)
        kinds = dict.fromkeys(kind for name, kind in self._kinds.items() if name in self._sections)
        chosen = list(kinds) or [next(iter(self._kinds.values()))]
        return tuple((kind, _days_of(kind, most_days)) for kind in chosen)

    def without_days(self, variables: Mapping[str, Any]) -> list[str]:
        """The response names of the sections whose `days` is null, so that they are: a valid document may have some."""
        if self._constant is not None:
            return []
        return [item.alias for item in self._with_days if _days(item, variables) is None]

    # ── the text ──────────────────────────────────────────────────────────────────────────────────

    def text(
        self,
        served: Sequence[tuple[Question, Served]],
        memory: FragmentsMemory,
        variables: Mapping[str, Any],
        *,
        as_cached: bool = False,
    ) -> bytes:
        """The JSON of the selection, of the answers that `asked` named; `as_cached` as if none had been fetched."""
        cut = [memory.of(question, one.answer.text) for question, one in served]
        fetched = not as_cached and any(one.origin == "fetched" for _, one in served)
        values: Pieces = _joined(cut) if len(cut) > 1 else cut[0].values
        if fetched and self.says_cached:
            values = {**values, "cached": b"false"}
        parts = []
        for item in self._items:
            if item.picks is None:
                parts.append(item.prefix + values.get(item.name, _NULL) if item.name else item.prefix)
            elif item.name == "units":
                parts.append(item.prefix + self._units(cut, item.picks))
            else:
                section = _section(item, cut, variables)
                parts.append(item.prefix + (_NULL if section is None else picked(item.picks, section)))
        return b"{%s}" % b",".join(parts)

    def _units(self, cut: Sequence[Fragments], picks: Picks) -> bytes:
        # The names of all sections' fields, of which one may have a name that another lacks.
        names = {
            python_name: name
            for section in self._kinds
            for name, python_name in self._names[f"{self._type_name}{section.title()}"].items()
        }
        units = {name: unit for one in cut for name, unit in one.units.items()}
        rows = [{"name": dumped(names.get(name, name)), "unit": dumped(unit)} for name, unit in units.items()]
        return b"[%s]" % b",".join(picked(picks, row) for row in rows)


def _days_of(kind: AnswerKind, most_days: int) -> int | None:
    """The days of the question: the usual ones or the most, from which fewer are cut, so that two answers serve all."""
    if not kind.takes_days or kind.usual_days is None:
        return None
    return kind.usual_days if most_days <= kind.usual_days else MAX_DAYS


def _days(item: _Item, variables: Mapping[str, Any]) -> int | None:
    """The days of a section that takes them; None where a variable is null in their place."""
    try:
        return int(item.days.values(variables)["days"]) if item.days else None
    except NotAnArgument:
        return None


def _section(item: _Item, cut: Sequence[Fragments], variables: Mapping[str, Any]) -> Pieces | None:
    one = next(one for one in cut if item.name in one.objects)
    if item.days is None:
        return one.objects[item.name]
    days = _days(item, variables)
    return None if days is None else one.daily(days)


def _joined(cut: Sequence[Fragments]) -> Pieces:
    """What two answers about one cell say of themselves: the older of both, and stale if one is."""
    first = cut[0].values
    joined = dict(first)
    for name in _OLDER:
        # Times of one form: as texts they are in their order.
        joined[name] = min(one.values[name] for one in cut)
    joined["stale"] = b"true" if any(one.values["stale"] == b"true" for one in cut) else b"false"
    return joined
