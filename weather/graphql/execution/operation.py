"""An operation of a validated document: compiled once, then asked with the variables of each request."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import count
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    get_named_type,
)

from weather.core.answers import Question
from weather.core.cells import Cell
from weather.graphql.execution.answer_plan import AnswerPlan, Compiling
from weather.graphql.execution.arguments import Arguments
from weather.graphql.execution.cell_fields import AskedCells, CellField, asked_cells
from weather.graphql.execution.fragments import dumped
from weather.graphql.execution.place_fields import Cities, PlaceField, cities_asked, places_asked
from weather.graphql.execution.selection import Fragments, conditions_in, fields_of, names_in
from weather.graphql.execution.variables import Variables
from weather.graphql.schema import SEVERAL, graphql_schema, python_names
from weather.graphql.turns import turn
from weather.graphql.types import DATASET_TYPES
from weather.places.question import Position, Search
from weathernote.http.problems import Problem
from weathernote.redis.outages.memory import Memory

#: What an operation skips and includes is compiled for so many cases; more are compiled for each request.
MOST_CASES = 4
_INTROSPECTION = frozenset({"__schema", "__type"})
#: Field → the dataset that it is about.
_OF_DATASETS = {one.dataset.name: one for one in DATASET_TYPES}


class AskedPlaces(NamedTuple):
    """A field of a request about places or cities, or what is wrong with it."""

    field: PlaceField
    asked: Search | Position | Cities | Problem


class Constant(NamedTuple):
    """A field whose value depends on nothing but the schema."""

    prefix: bytes
    text: bytes


Field = CellField | PlaceField | Constant
AskedField = AskedCells | AskedPlaces | Constant

#: Texts about the schema that a process remembers; the usual one of tools is among the longest.
_introspections: Memory[list[Field]] = Memory(most_entries=8, most_bytes=1_000_000)
_numbers = count()


class Asked(NamedTuple):
    """What a request asks, field by field in the order of the query."""

    fields: Sequence[AskedField]

    def questions(self) -> list[Question]:
        """The questions about cells, each once."""
        of_cells = (one for one in self.fields if isinstance(one, AskedCells))
        return list(dict.fromkeys(question for one in of_cells for question in one.questions()))

    def cells(self) -> set[Cell]:
        """The cells, each once."""
        return {question.cell for question in self.questions()}

    def searches(self) -> set[Search | Position | Cities]:
        """The questions about places, and searches for cities, each once."""
        of_places = (one.asked for one in self.fields if isinstance(one, AskedPlaces))
        return {
            asked
            for asked in of_places
            if isinstance(asked, Search | Position) or (isinstance(asked, Cities) and asked.search)
        }

    def positions(self) -> int:
        """How many positions it names, each as often as it is named."""
        return sum(len(one.places) for one in self.fields if isinstance(one, AskedCells))

    def asks_cities(self) -> bool:
        """Whether the list of cities is needed."""
        return any(isinstance(one, AskedPlaces) and isinstance(one.asked, Cities) for one in self.fields)


class Operation:
    """A query that a document names, with its fragments."""

    def __init__(self, node: OperationDefinitionNode, fragments: Fragments) -> None:
        self._node = node
        self._key = str(next(_numbers))
        self._fragments = fragments
        self.variables = Variables(graphql_schema(), node.variable_definitions or ())
        self._conditions = sorted(conditions_in(node.selection_set, fragments))
        #: For so many cases it is kept compiled; what asks for the schema is kept elsewhere.
        self.cases = min(MOST_CASES, 2 ** len(self._conditions))
        self._compiled: dict[tuple[Any, ...], list[Field]] = {}
        #: Whether it asks for the schema.
        self.is_introspection = not names_in(node.selection_set, fragments).isdisjoint(_INTROSPECTION)

    def asked(self, given: Mapping[str, Any]) -> Asked | list[GraphQLError]:
        """What a request with these variables asks, or what is wrong with the variables."""
        variables = self.variables.coerced(given)
        if isinstance(variables, list):
            return variables
        if nulls := [name for name in self._conditions if variables.get(name) is None]:
            return [GraphQLError(f"Variable '${name}' is null; @skip and @include take no null.") for name in nulls]
        return Asked([_asked(field, variables) for field in self._fields(variables)])

    def _fields(self, variables: Mapping[str, Any]) -> list[Field]:
        case = tuple(variables.get(name) for name in self._conditions)
        known = self._compiled.get(case)
        if known is None:
            if self.is_introspection:
                return self._introspection(variables)
            known = self._compile(variables)
            if len(self._compiled) < MOST_CASES:
                self._compiled[case] = known
        return known

    def _introspection(self, variables: Mapping[str, Any]) -> list[Field]:
        """The fields of an operation that asks for the schema, whose text is long: few of them are remembered."""
        if self._node.variable_definitions:  # on which what `__type` tells depends
            return self._compile(variables)
        known = _introspections.get(self._key)
        if known is None:
            known = self._compile(variables)
            text = b"".join(field.text for field in known if isinstance(field, Constant))
            _introspections.put(self._key, text, known)
        return known

    def _compile(self, variables: Mapping[str, Any]) -> list[Field]:
        schema = graphql_schema()
        query = schema.query_type
        assert query is not None  # noqa: S101 - every schema of strawberry has one
        compiling = Compiling(schema, python_names(), self._fragments, variables)
        roots = fields_of([self._node.selection_set], self._fragments, variables)
        with turn() if self.is_introspection else nullcontext():
            return [self._field(compiling, query, alias, nodes) for alias, nodes in roots.items()]

    def _field(self, compiling: Compiling, query: GraphQLObjectType, alias: str, nodes: list[FieldNode]) -> Field:
        node, prefix = nodes[0], b"%s:" % dumped(alias)
        name = node.name.value
        if name == "__typename":
            return Constant(prefix, dumped(query.name))
        if name.startswith("__"):
            return Constant(prefix, self._introspected(alias, nodes, compiling.variables))
        field = query.fields[name]
        arguments, made = Arguments(field, node), get_named_type(field.type)
        assert isinstance(made, GraphQLObjectType)  # noqa: S101 - all fields of the query are objects
        python_name = compiling.python_names[query.name][name]
        dataset = _OF_DATASETS.get(python_name.removesuffix(f"_{SEVERAL.lower()}"))
        if dataset is None:
            return PlaceField(alias, prefix, arguments, compiling.picks(made, nodes))
        plan = AnswerPlan(compiling, made, dataset.kinds, nodes)
        is_about_several = python_name != dataset.dataset.name
        return CellField(alias, prefix, dataset.base, arguments, plan, is_about_several)

    def _introspected(self, alias: str, nodes: list[FieldNode], variables: Mapping[str, Any]) -> bytes:
        """The JSON of a field about the schema, by graphql-core."""
        operation = OperationDefinitionNode(
            operation=self._node.operation,
            variable_definitions=self._node.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(nodes)),
        )
        document = DocumentNode(definitions=(operation, *self._fragments.values()))
        result = execute_sync(graphql_schema(), document, variable_values=dict(variables))
        assert isinstance(result, ExecutionResult) and not result.errors  # noqa: S101 - the document is valid
        return dumped((result.data or {})[alias])


def _asked(field: Field, variables: Mapping[str, Any]) -> AskedField:
    if isinstance(field, CellField):
        return asked_cells(field, variables)
    if isinstance(field, PlaceField):
        is_of_cities = "limit" not in field.arguments.names
        return AskedPlaces(field, (cities_asked if is_of_cities else places_asked)(field, variables))
    return field
