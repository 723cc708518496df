"""Selections: which fields of a type a query names, merged and under their response names, with fragments spread."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

Fragments = Mapping[str, FragmentDefinitionNode]
Variables = Mapping[str, Any]


def fields_of(
    selections: Iterable[SelectionSetNode | None], fragments: Fragments, variables: Variables
) -> dict[str, list[FieldNode]]:
    """Response name → the fields that share it, of selections that are merged; for a validated document.

    As every type here is an object, a fragment always applies. `@skip` and `@include` are obeyed.
    """
    found: dict[str, list[FieldNode]] = {}
    spread: set[str] = set()
    for one in selections:
        _collect(one.selections if one else (), fragments, variables, found, spread)
    return found


def _collect(
    selections: Iterable[SelectionNode],
    fragments: Fragments,
    variables: Variables,
    found: dict[str, list[FieldNode]],
    spread: set[str],
) -> None:
    for one in selections:
        if not _is_included(one.directives or (), variables):
            continue
        if isinstance(one, FieldNode):
            found.setdefault((one.alias or one.name).value, []).append(one)
        elif isinstance(one, InlineFragmentNode):
            _collect(one.selection_set.selections, fragments, variables, found, spread)
        elif isinstance(one, FragmentSpreadNode) and one.name.value not in spread:
            spread.add(one.name.value)
            of_fragment = fragments[one.name.value].selection_set
            _collect(of_fragment.selections, fragments, variables, found, spread)


def _is_included(directives: Iterable[DirectiveNode], variables: Variables) -> bool:
    for directive in directives:
        name = directive.name.value
        if name in ("skip", "include"):
            condition = _condition(directive)
            value = (
                variables[condition.name.value]
                if isinstance(condition, VariableNode)
                else isinstance(condition, BooleanValueNode) and condition.value
            )
            if value == (name == "skip"):
                return False
    return True


def _condition(directive: DirectiveNode) -> ValueNode:
    (condition,) = directive.arguments or ()  # a valid one has it
    return condition.value


def conditions_in(selections: SelectionSetNode | None, fragments: Fragments) -> set[str]:
    """The variables by which anything in a selection is skipped or included."""
    return {
        condition.name.value
        for one in _all_in(selections, fragments)
        for directive in one.directives or ()
        if directive.name.value in ("skip", "include") and isinstance(condition := _condition(directive), VariableNode)
    }


def names_in(selections: SelectionSetNode | None, fragments: Fragments) -> set[str]:
    """The names of all fields in a selection."""
    return {one.name.value for one in _all_in(selections, fragments) if isinstance(one, FieldNode)}


def _all_in(selections: SelectionSetNode | None, fragments: Fragments) -> Iterator[SelectionNode]:
    """Every selection within one, and in the fragments that it spreads, each of which is looked at once."""
    spread: set[str] = set()
    waiting = [selections]
    while waiting:
        inner = waiting.pop()
        for one in inner.selections if inner else ():
            yield one
            if isinstance(one, FieldNode | InlineFragmentNode):
                waiting.append(one.selection_set)
            elif isinstance(one, FragmentSpreadNode) and one.name.value not in spread:
                spread.add(one.name.value)
                waiting.append(fragments[one.name.value].selection_set)
