"""What a process remembers for GraphQL: documents by hash, and the pieces of answers. It imports strawberry."""

from collections.abc import Mapping
from time import time
from typing import Any

from graphql import GraphQLError

from weather.api.answer_cache import Cached
from weather.api.misses import Outcome
from weather.api.service import Requester
from weather.core.answers import Question
from weather.graphql.documents import persisted
from weather.graphql.documents.document_cache import Document, Documents
from weather.graphql.errors import PersistedQueryNotFound
from weather.graphql.execution import answering
from weather.graphql.execution.answering import Answered
from weather.graphql.execution.fragments import FragmentsMemory
from weather.graphql.execution.operation import Asked
from weather.graphql.request import GraphQLRequest
from weathernote.redis import Lookup


class Engine:
    """Executes requests."""

    def __init__(self) -> None:
        self.documents = Documents()
        self._fragments = FragmentsMemory()

    def is_at_hand(self, given: GraphQLRequest, *, is_kept: bool) -> bool:
        """Whether the request is read at little cost: its document is known, is not to be kept, and asks no schema."""
        known = self.documents.known(given.sha256)
        if known is None or _is_new(given, is_kept):
            return False
        operation = known.operation(given.operation_name)
        return operation is None or not operation.is_introspection

    def document(self, given: GraphQLRequest, *, is_kept: bool) -> Document | list[GraphQLError]:
        """The document of a request, or what is wrong with it; a persisted one is kept where `is_kept`.

        Raises PersistedQueryNotFound for a hash that nobody knows, and Problem (503) if too many are being read.
        """
        known = self.documents.known(given.sha256)
        is_new = _is_new(given, is_kept)
        if known is not None and not is_new:
            return known
        text = given.text if given.text is not None else persisted.text_of(given.sha256)
        if text is None:
            raise PersistedQueryNotFound
        document = known or self.documents.read(text, given.sha256)
        # What was found in Redis is kept anew, as it was used.
        if isinstance(document, Document) and given.is_persisted and (is_new or given.text is None):
            persisted.keep(given.sha256, text)
            document.noted_at = time()
        return document

    def use_of(self, given: GraphQLRequest) -> list[Lookup[None]]:
        """What notes in Redis that a persisted query is used, where that was not noted lately."""
        document = self.documents.known(given.sha256) if given.is_persisted else None
        now = time()
        if document is None or document.noted_at <= now < document.noted_at + persisted.NOTE_SECONDS:
            return []
        document.noted_at = now
        return [persisted.use(given.sha256)]

    def outcomes(self, found: Mapping[Question, Cached], requester: Requester) -> dict[Question, Outcome]:
        """The outcome of each question, given what the cache had."""
        return answering.outcomes_of(found, requester)

    def answered(self, asked: Asked, outcomes: Mapping[Question, Outcome], cities: Any) -> Answered:
        """The data of a request, given the outcomes, and what Redis had of the cities."""
        return answering.answer(asked, outcomes, cities, self._fragments)


def _is_new(given: GraphQLRequest, is_kept: bool) -> bool:
    """Whether the client sends a text for its hash, to be kept."""
    return is_kept and given.is_persisted and given.text is not None
