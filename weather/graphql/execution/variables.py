"""Coerces the variables of a request: plain numbers and texts at once, all else and all errors by graphql-core."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    VariableDefinitionNode,
    get_variable_values,
)

MOST_ERRORS = 5
_LARGEST_INT = 2**31 - 1


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _int(value: Any) -> int:
    if type(value) is not int or not -_LARGEST_INT <= value <= _LARGEST_INT:
        raise ValueError
    return value


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError
        return value

    return read


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "Float": _float,
    "Int": _int,
    "String": _exactly(str),
    "Boolean": _exactly(bool),
}


class Variables:
    """The variables that an operation declares."""

    def __init__(self, schema: GraphQLSchema, definitions: Collection[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        readers = {one.variable.name.value: _reader(one) for one in definitions}
        self._readers = {name: reader for name, reader in readers.items() if reader}
        self._are_plain = len(self._readers) == len(definitions)

    def coerced(self, given: Mapping[str, Any]) -> Mapping[str, Any] | list[GraphQLError]:
        """Name → value of those that are given or have a default, or what is wrong with them."""
        if self._are_plain:
            try:
                return {name: read(given[name]) for name, read in self._readers.items()}
            except (KeyError, ValueError, OverflowError):
                pass  # below with the reason, or with a default
        coerced = get_variable_values(self._schema, self._definitions, dict(given), max_errors=MOST_ERRORS)
        return coerced if isinstance(coerced, list) else coerced.coerced


def _reader(definition: VariableDefinitionNode) -> Callable[[Any], Any] | None:
    """How a value of a plain type is read; raises ValueError for null and whatever graphql-core has to look at."""
    type_ = definition.type
    if isinstance(type_, NonNullTypeNode):
        type_ = type_.type
    return _READERS.get(type_.name.value) if isinstance(type_, NamedTypeNode) else None
