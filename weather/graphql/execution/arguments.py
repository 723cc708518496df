"""The arguments of a field: what is constant is coerced once for a document, the rest for each request."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_non_null_type,
    value_from_ast,
)

Variables = Mapping[str, Any]


class NotAnArgument(ValueError):
    """A value that is no argument; the text is the argument's name."""


class Arguments:
    """The arguments of a field of a validated document, under the names of the schema."""

    __slots__ = ("_by_variable", "_constant", "_mixed", "is_constant", "names")

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self.names = frozenset(field.args)
        given = {one.name.value: one.value for one in node.arguments or ()}
        self._constant: dict[str, Any] = {}
        self._by_variable: list[tuple[str, str, bool]] = []
        self._mixed: list[tuple[str, ValueNode, Any]] = []
        for name, argument in field.args.items():
            if argument.default_value is not Undefined:
                self._constant[name] = argument.default_value
            value = given.get(name)
            if isinstance(value, VariableNode):
                self._by_variable.append((name, value.name.value, is_non_null_type(argument.type)))
            elif value is not None and _has_variable(value):
                self._mixed.append((name, value, argument.type))
            elif value is not None:
                self._constant[name] = value_from_ast(value, argument.type)
        #: Whether every request has the same.
        self.is_constant = not (self._by_variable or self._mixed)

    def values(self, variables: Variables) -> Mapping[str, Any]:
        """Name → value, given the coerced variables; without those that are neither given nor have a default.

        Raises NotAnArgument for a variable that is null where the argument must not be: a valid document may have one.
        """
        if self.is_constant:
            return self._constant
        values = dict(self._constant)
        for name, variable, is_needed in self._by_variable:
            if variable in variables:
                if is_needed and variables[variable] is None:
                    raise NotAnArgument(name)
                values[name] = variables[variable]
        for name, node, type_ in self._mixed:
            values[name] = value_from_ast(node, type_, dict(variables))
            if values[name] is Undefined:
                raise NotAnArgument(name)
        return values


def _has_variable(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variable(item) for item in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variable(field.value) for field in node.fields)
    return isinstance(node, VariableNode)
