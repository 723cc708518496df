"""Documents: parsed, measured and validated once, and remembered by the hash of their text."""

import threading
from collections import OrderedDict

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    parse,
    validate,
)

from weather.graphql.documents import limits
from weather.graphql.execution.operation import Operation
from weather.graphql.schema import graphql_schema
from weather.graphql.turns import turn

#: Documents that a process remembers, and the memory that they may take.
MOST_DOCUMENTS = 512
MOST_BYTES = 15_000_000
# What a document takes, what a node of its syntax takes, and what a compiled field takes at most on average, all
# measured (`tests/faults/test_graphql.py`).
_DOCUMENT_BYTES, _NODE_BYTES, _FIELD_BYTES = 4_000, 250, 1_000
MOST_ERRORS = 5


class Document:
    """A valid document: its operations by name."""

    #: When this process last noted in Redis that it is used, in seconds since the epoch.
    noted_at = 0.0

    def __init__(self, node: DocumentNode, nodes: int) -> None:
        fragments = {one.name.value: one for one in node.definitions if isinstance(one, FragmentDefinitionNode)}
        self._operations = {
            one.name.value if one.name else "": Operation(one, fragments)
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        cases = (one.cases for one in self._operations.values())
        compiled = sum(number * fields for number, fields in zip(cases, limits.fields_of(node), strict=True))
        #: The memory that it takes at most, once each operation is compiled for as many cases as are kept.
        self.bytes = _DOCUMENT_BYTES + nodes * _NODE_BYTES + compiled * _FIELD_BYTES

    def operation(self, name: str | None) -> Operation | None:
        """The operation of this name, or the only one if no name is given; None if there is none."""
        if name:
            return self._operations.get(name)
        return next(iter(self._operations.values())) if len(self._operations) == 1 else None


class Documents:
    """The documents that were asked for last, by SHA-256 of their text."""

    def __init__(self, most: int = MOST_DOCUMENTS, most_bytes: int = MOST_BYTES) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def known(self, sha256: str) -> Document | None:
        """The document with this hash, if it was read before."""
        document = self._known.get(sha256)
        if document is None:
            return None
        with self._lock:
            if sha256 in self._known:
                self._known.move_to_end(sha256)
        return document

    def read(self, text: str, sha256: str) -> Document | list[GraphQLError]:
        """The document of a text, or what is wrong with it; raises Problem (503) if too many are being read."""
        with turn():
            document = read(text)
        if isinstance(document, Document):
            self._remember(sha256, document)
        return document

    def _remember(self, sha256: str, document: Document) -> None:
        with self._lock:
            if sha256 in self._known:
                return
            self._known[sha256] = document
            self._bytes += document.bytes
            while len(self._known) > self.most or self._bytes > self.most_bytes:
                self._bytes -= self._known.popitem(last=False)[1].bytes

    def __len__(self) -> int:
        return len(self._known)


def read(text: str) -> Document | list[GraphQLError]:
    """The document of a text of at most MOST_BYTES, or what is wrong with it."""
    try:
        node = parse(text, max_lexical_tokens=limits.MOST_TOKENS, max_comments=limits.MOST_TOKENS)
        errors = limits.refusals(node) or validate(graphql_schema(), node, max_errors=MOST_ERRORS)
    except GraphQLError as error:
        return [error]
    except RecursionError:
        return [GraphQLError("The document is nested too deeply.")]
    if errors:
        return errors
    return Document(node, _forget_places(node))


def _forget_places(node: Node) -> int:
    """Drops from each node its place in the text, which keeps all the text's tokens; returns how many nodes it has."""
    waiting, number = [node], 0
    while waiting:
        one = waiting.pop()
        number += 1
        object.__setattr__(one, "loc", None)  # nodes are frozen, for whoever shares them; nobody does here
        for name in one.keys:
            child = getattr(one, name, None)
            if isinstance(child, Node):
                waiting.append(child)
            elif isinstance(child, list | tuple):
                waiting += [item for item in child if isinstance(item, Node)]
    return number
