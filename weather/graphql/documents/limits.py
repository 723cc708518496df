"""What a document may be: its length, numbers, depth and fields, with fragments counted wherever they are spread."""

from collections.abc import Mapping
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TokenKind,
)

from weather.graphql import numbers
from weather.graphql.numbers import NumberTooLong

MOST_BYTES = 8 * 1024
#: Words, names, numbers and signs: as many as the longest useful query has, with some to spare.
MOST_TOKENS = 2_500
#: An alias is repeated wherever its fragment is spread.
MOST_NAME_LENGTH = 200
MOST_DEPTH = 8
MOST_FIELDS = 200
#: Introspection has limits of its own: the usual query of tools is 14 deep and has 220 fields.
MOST_INTROSPECTION_DEPTH = 16
MOST_INTROSPECTION_FIELDS = 260
#: A list within a list of these multiplies what an introspection brings.
_LISTS_OF_TYPES = frozenset({"fields", "inputFields", "interfaces", "possibleTypes"})
_NUMBERS = frozenset({TokenKind.INT, TokenKind.FLOAT})
_INTROSPECTION = frozenset({"__schema", "__type"})


class _Size(NamedTuple):
    """Of a selection: the fields in it, how deep it is, and the deepest nesting of lists of types."""

    fields: int = 0
    depth: int = 0
    lists: int = 0
    introspected: int = 0
    introspected_depth: int = 0

    def beside(self, other: "_Size") -> "_Size":
        """Both selections in one."""
        return _Size(
            self.fields + other.fields,
            max(self.depth, other.depth),
            max(self.lists, other.lists),
            self.introspected + other.introspected,
            max(self.introspected_depth, other.introspected_depth),
        )


def refusals(document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with a parsed document before it is validated, which may take long for one past these limits."""
    try:
        _check_tokens(document)
        return _Measuring(document).refusals()
    except NumberTooLong as wrong:
        return [GraphQLError(f"The query {wrong}.")]
    except _Refused as refused:
        return [refused.error]


def fields_of(document: DocumentNode) -> list[int]:
    """How many fields each operation of a document within these limits has, fragments included."""
    measuring = _Measuring(document)
    return [measuring._size(one.selection_set).fields for one in measuring.operations]


def _check_tokens(document: DocumentNode) -> None:
    token = document.loc and document.loc.start_token
    while token:
        if token.kind in _NUMBERS:
            numbers.check(token.value or "")
        elif token.kind is TokenKind.NAME and len(token.value or "") > MOST_NAME_LENGTH:
            length = f"{len(token.value or ''):,}"
            raise _Refused(f"The query has a name of {length} characters; {MOST_NAME_LENGTH} are the most.")
        token = token.next


class _Refused(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.error = GraphQLError(message)


class _Measuring:
    """Measures each fragment once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self.operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        self.fragments: Mapping[str, FragmentDefinitionNode] = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Size] = {}
        self._being_measured: list[str] = []

    def refusals(self) -> list[GraphQLError]:
        if not self.operations:
            return [GraphQLError("The document has no query.")]
        for operation in self.operations:
            if operation.operation is not OperationType.QUERY:
                return [GraphQLError(f"There are queries alone here, no {operation.operation.value}s.")]
        # A fragment that nothing spreads is validated too.
        whole = _Size()
        for size in [self._size(one.selection_set) for one in self.operations] + [
            self._fragment(name) for name in self.fragments
        ]:
            whole = whole.beside(size)
        asked = _Size()
        for operation in self.operations:
            asked = asked.beside(self._size(operation.selection_set))
        return [GraphQLError(text) for text in _exceeded(asked, whole)]

    def _size(self, selections: SelectionSetNode | None) -> _Size:
        size = _Size()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                size = size.beside(self._field(selection))
            elif isinstance(selection, InlineFragmentNode):
                size = size.beside(self._size(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                size = size.beside(self._fragment(selection.name.value))
        return size

    def _field(self, field: FieldNode) -> _Size:
        inner, name = self._size(field.selection_set), field.name.value
        lists = inner.lists + (name in _LISTS_OF_TYPES)
        if name in _INTROSPECTION:
            return _Size(1, 1, lists, inner.fields + inner.introspected, inner.depth)
        return _Size(inner.fields + 1, inner.depth + 1, lists, inner.introspected, inner.introspected_depth)

    def _fragment(self, name: str) -> _Size:
        if name in self._being_measured:
            raise _Refused(f"Fragment {name!r} contains itself.")
        if name not in self.fragments:
            return _Size()  # validation names it
        if name not in self._measured:
            self._being_measured.append(name)
            self._measured[name] = self._size(self.fragments[name].selection_set)
            self._being_measured.pop()
        return self._measured[name]


def _exceeded(asked: _Size, whole: _Size) -> list[str]:
    found = []
    if asked.depth > MOST_DEPTH:
        found.append(f"The query is {asked.depth} deep; {MOST_DEPTH} is the most.")
    if asked.fields > MOST_FIELDS:
        found.append(f"The query has {asked.fields} fields, fragments included; {MOST_FIELDS} are the most.")
    if asked.introspected > MOST_INTROSPECTION_FIELDS or asked.introspected_depth > MOST_INTROSPECTION_DEPTH:
        most = f"{MOST_INTROSPECTION_FIELDS} fields and a depth of {MOST_INTROSPECTION_DEPTH}"
        found.append(f"The introspection asks for more than {most}.")
    if asked.introspected and asked.lists > 1:
        found.append("The introspection asks for the fields of types of fields; ask for each type by its name.")
    if not found and whole.fields > asked.fields + MOST_INTROSPECTION_FIELDS + MOST_FIELDS:
        found.append(f"The document has {whole.fields} fields, fragments included; that is too many.")
    return found
