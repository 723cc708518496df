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

from weather.graphql import limits
from weather.graphql.operation import Operation
from weather.graphql.schema import graphql_schema
from weather.graphql.turns import turn

#: Documents that a process remembers; a document takes up to 350 times the memory of its text.
MOST_DOCUMENTS = 512
MOST_TEXT_BYTES = 100_000
MOST_ERRORS = 5


class Document:
    """A valid document: its operations by name."""

    #: When this process last noted in Redis that it is used, in seconds since the epoch.
    noted_at = 0.0

    def __init__(self, node: DocumentNode) -> None:
        fragments = {one.name.value: one for one in node.definitions if isinstance(one, FragmentDefinitionNode)}
        self._operations = {
            one.name.value if one.name else "": Operation(one, fragments)
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        }

    def operation(self, name: str | None) -> Operation | None:
        """The operation of this name, or the only one if no name is given; None if there is none."""
        if name:
            return self._operations.get(name)
        return next(iter(self._operations.values())) if len(self._operations) == 1 else None


class Documents:
    """The documents that were asked for last, by SHA-256 of their text."""

    def __init__(self, most: int = MOST_DOCUMENTS, most_text_bytes: int = MOST_TEXT_BYTES) -> None:
        self.most = most
        self.most_text_bytes = most_text_bytes
        self._known: OrderedDict[str, tuple[int, Document]] = OrderedDict()
        self._text_bytes = 0
        self._lock = threading.Lock()

    def known(self, sha256: str) -> Document | None:
        """The document with this hash, if it was read before."""
        entry = self._known.get(sha256)
        if entry is None:
            return None
        with self._lock:
            if sha256 in self._known:
                self._known.move_to_end(sha256)
        return entry[1]

    def read(self, text: str, sha256: str) -> Document | list[GraphQLError]:
        """The document of a text, or what is wrong with it; raises Problem (503) if too many are being read."""
        with turn():
            document = read(text)
        if isinstance(document, Document):
            self._remember(sha256, len(text), document)
        return document

    def _remember(self, sha256: str, size: int, document: Document) -> None:
        with self._lock:
            if sha256 in self._known:
                return
            self._known[sha256] = size, document
            self._text_bytes += size
            while len(self._known) > self.most or self._text_bytes > self.most_text_bytes:
                self._text_bytes -= self._known.popitem(last=False)[1][0]

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
    _forget_places(node)
    return Document(node)


def _forget_places(node: Node) -> None:
    """Drops from each node its place in the text, by which it would keep all the text's tokens in memory."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        object.__setattr__(one, "loc", None)  # nodes are frozen, for whoever shares them; nobody does here
        for name in one.keys:
            child = getattr(one, name, None)
            if isinstance(child, Node):
                waiting.append(child)
            elif isinstance(child, list | tuple):
                waiting += [item for item in child if isinstance(item, Node)]
