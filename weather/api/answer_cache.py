"""The finished answers: kept in Redis, and remembered by each process for the time when Redis is gone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import time
from typing import NamedTuple

from weather.core import answers
from weather.core.answers import Answer, Question
from weather.core.datasets import Dataset
from weather.core.freshness.decision import LONGEST_WITHOUT_REDIS_SECONDS
from weathernote import redis
from weathernote.redis import Command, Lookup, Reply
from weathernote.redis.outages.memory import Memory
from weathernote.telemetry import metrics

#: What a process remembers of answers about all datasets; about 3,000 cells.
MEMORY_BYTES = 16_000_000


# Times are written so that they sort as text. What lies under the name and is no text was never ours.
_SET_UNLESS_NEWER = redis.script("""
local function fetched_at(text) return string.match(text, '"fetched_at":"([^"]+)"') or '' end
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'string' and fetched_at(kept) > fetched_at(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""")


def memory_of_answers() -> Memory[Answer]:
    """A memory for the answers of one process, by key."""
    return Memory(most_entries=10_000, most_bytes=MEMORY_BYTES)


class Cached(NamedTuple):
    """The finished answer to a question, None if the cache has none, and whether Redis said so."""

    answer: Answer | None
    is_redis_up: bool


class AnswerCache:
    """Finished answers about one dataset by question; `memory` may be shared with other datasets."""

    def __init__(self, dataset: Dataset, memory: Memory[Answer] | None = None, now: Callable[[], float] = time) -> None:
        self.dataset = dataset
        self.now = now
        self._remembered = memory_of_answers() if memory is None else memory

    def answer(self, question: Question) -> Lookup[Cached]:
        """The finished answer in Redis; without Redis the one that this process saw last, if it still lives.

        What is no answer is deleted and counts as none. An answer without the variables that this instance shows
        counts as none too, but stays for the instances with other settings.
        """
        return _AnswerLookup(self, question)

    def expired_answer(self, question: Question) -> Answer | None:
        """The answer that this process saw last, as a stale one that lives a minute; None if it ended an hour ago.

        To be asked for only while Redis is gone: Redis keeps no expired answer.
        """
        answer = self._remembered.get(question.key)
        if answer is None or answer.expires_at + LONGEST_WITHOUT_REDIS_SECONDS <= self.now():
            return None
        prolonged = answers.prolonged(question, answer, self.now())
        if prolonged is not None:
            metrics.ANSWERED_FROM_MEMORY.inc()
        return prolonged

    def store_answers(self, finished: Mapping[Question, Answer], *, unless_newer: bool = False) -> int:
        """Keeps answers as long as each lives, in one round trip, and gives how many. Raises RedisDown.

        With `unless_newer` those stay that come from a record fetched later, which a replica may not have yet.
        """
        commands: list[Command] = []
        for question, answer in finished.items():
            life_seconds = question.stored_seconds(answer.expires_at - int(self.now()))
            if life_seconds >= 1:
                if unless_newer:
                    commands.append(_SET_UNLESS_NEWER(question.key, answer.text, life_seconds))
                    continue
                self._remembered.put(question.key, answer.text, answer)
                commands.append(("SET", question.key, answer.text, "EX", life_seconds))
        return sum(reply != 0 for reply in redis.execute(*commands))

    def lives_of(self, questions: Iterable[Question]) -> dict[Question, float]:
        """For how many seconds each answer lives on, 0 for one that is not there. Raises RedisDown."""
        questions = list(questions)
        left = redis.execute(*(("PTTL", question.key) for question in questions))
        return {question: max(0, milliseconds) / 1000 for question, milliseconds in zip(questions, left, strict=True)}

    def read(self, question: Question, text: bytes | None) -> Cached:
        """The answer in the text that Redis keeps for the question."""
        if text is None:
            return Cached(None, is_redis_up=True)
        key, now = question.key, self.now()
        # The same bytes under the same name were read before, and are not read twice.
        known = self._remembered.same(key, text)
        if known is not None and now < min(known.expires_at, known.midnight or known.expires_at):
            return Cached(known, is_redis_up=True)
        answer = answers.read(question, text, now, self.dataset.extras)
        if answer is not None:
            self._remembered.put(key, text, answer)
        elif answers.read(question, text, now) is None:
            redis.ask(("DEL", key))
        return Cached(answer, is_redis_up=True)

    def recall(self, question: Question) -> Cached:
        """The answer that this process saw last, if it still lives."""
        answer = self._remembered.get(question.key)
        if answer is None or answer.expires_at <= self.now():
            return Cached(None, is_redis_up=False)
        metrics.ANSWERED_FROM_MEMORY.inc()
        return Cached(answer, is_redis_up=False)


class _AnswerLookup(Lookup[Cached]):
    """The lookup of every request: two fields are made in less time than the two functions that a Lookup takes."""

    __slots__ = ("cache", "question")

    cache: AnswerCache
    question: Question

    def __init__(self, cache: AnswerCache, question: Question) -> None:
        set_field = object.__setattr__  # the class is frozen
        set_field(self, "commands", (("GET", question.key),))
        set_field(self, "cache", cache)
        set_field(self, "question", question)

    def value(self, replies: Sequence[Reply]) -> Cached:
        (text,) = replies
        if isinstance(text, Exception):
            return self.cache.recall(self.question)
        return self.cache.read(self.question, text)
