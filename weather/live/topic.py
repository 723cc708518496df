"""What the streams of one question have in common: the answer that they show, and until when."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from weather.core.answers import Answer, Question
from weather.live.message import content_of
from weather.live.stream import Stream
from weathernote.http.problems import Problem

#: The entity tags that one content has had: whoever has any of them has it.
_MOST_ETAGS = 16


class Topic:
    """A question, its present answer or the problem why there is none, and the streams that show it."""

    __slots__ = ("answer", "content", "ends_at", "etags", "problem", "question", "streams")

    def __init__(self, question: Question) -> None:
        self.question = question
        #: Stream → the content that it shows, None while it waits for its first; in the order in which they came.
        self.streams: dict[Stream, bytes | None] = {}
        self.answer: Answer | None = None
        self.problem: Problem | None = None
        #: A digest of what is to be shown; empty before there is anything.
        self.content = b""
        self.etags: deque[str] = deque(maxlen=_MOST_ETAGS)
        #: When the first of the answers that its streams show ends, in unix seconds.
        self.ends_at = 0.0

    @property
    def fetched_at(self) -> int:
        """When the forecast behind the answer was fetched, in unix seconds; 0 before there is one."""
        return self.answer.fetched_at if self.answer else 0

    @property
    def is_makeshift(self) -> bool:
        """Whether a stale answer or a problem is shown, in whose place there may be a better one by now."""
        return self.problem is not None or (self.answer is not None and self.answer.stale)

    def take(self, answer: Answer) -> None:
        """Notes the answer that is to be shown from now on."""
        content = content_of(answer.text)
        if content != self.content:
            self.etags.clear()
            self.content = content
        if answer.etag not in self.etags:
            self.etags.append(answer.etag)
        self.answer, self.problem, self.ends_at = answer, None, answer.expires_at

    def refuse(self, problem: Problem, ends_at: float) -> None:
        """Notes why there is no answer now, and when (unix seconds) to ask again."""
        self.problem, self.content, self.ends_at = problem, problem_content(problem), ends_at
        self.etags.clear()

    def content_of_tag(self, etag: str) -> bytes | None:
        """What the phone shows that has the answer of this tag; None where it is not the present content."""
        return self.content if etag and etag in self.etags else None

    def behind(self, at_once: int) -> Iterator[list[Stream]]:
        """The streams that show something else than the present content, so many at a time."""
        behind = (stream for stream, shown in list(self.streams.items()) if shown not in (None, self.content))
        while part := list(islice(behind, at_once)):
            yield part


def problem_content(problem: Problem) -> bytes:
    """The content of a problem: one of another code is news, one of other words is not."""
    return problem.code.encode()
