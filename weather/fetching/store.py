"""What the service keeps in Redis: finished answers, what Open-Meteo said, and the places it rejects."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from time import time

from weather.budget.popularity import Popularity
from weather.core import answers
from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weather.core.packing import Unreadable, fetched_at, pack, unpack, version_of
from weather.core.series import Series
from weather.upstream.answer_json import give_way
from weather.upstream.validation import is_long_enough, is_near
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis
from weathernote.redis.memory import Memory
from weathernote.telemetry import metrics

#: What a process remembers of answers, and as much again of records; about 3,000 cells.
MEMORY_BYTES = 16_000_000
#: Without Redis an answer may be shown for so long past its life, and says that it is stale.
LONGEST_PAST_SECONDS = 3600

#: One timeout covers a round trip, and a record is 3 kB.
RECORDS_AT_ONCE = 100

#: By how much the clock of the process that fetched a record may be ahead of this one's.
CLOCK_SLACK_SECONDS = 3600

REJECTED_KEY = "rejected:cells"
REJECTED_SECONDS = 600

# Field and life are set in one step, so that a crash leaves no key without a life. What lies under the
# name and is no hash was never ours.
_HOLD = redis.script("""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
""")
_REJECT = redis.script("""
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[at]) end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""")


class Store:
    """The records by cell, in Redis and, for the time when it is gone, what this process saw of them.

    They are those of one dataset. A method that touches Redis says above
    its name what happens without it.
    """

    def __init__(self, dataset: Dataset, hold_seconds: int, now: Callable[[], float] = time) -> None:
        self.dataset = dataset
        self.hold_seconds = hold_seconds
        self.version = version_of(dataset)
        self.names = frozenset(variable.name for variable in dataset.asked)
        self.now = now
        self._unreadable: dict[Cell, float] = {}
        self._seen_answers: Memory[Answer] = Memory(most_entries=10_000, most_bytes=MEMORY_BYTES)
        self._seen_records: Memory[bytes] = Memory(most_entries=10_000, most_bytes=MEMORY_BYTES)

    def finding(self, question: Question) -> Command:
        """The command whose reply `found` reads, for whoever shares a round trip with it."""
        return ("GET", question.key)

    def seen(self, question: Question, reply: Reply) -> Answer | None:
        """The answer that this process saw last, if it still lives."""
        answer = self._seen_answers.get(question.key)
        if answer is None or answer.expires_at <= self.now():
            return None
        metrics.ANSWERED_FROM_MEMORY.inc()
        return answer

    @without_redis(instead=seen)
    def found(self, question: Question, reply: Reply) -> Answer | None:
        """The finished answer in Redis' reply; what is no answer is deleted, and None like what is not there.

        One without the variables that this instance shows is None too, and stays for those of other settings."""
        text = redis.value(reply)
        if text is None:
            return None
        key, now = question.key, self.now()
        # The same bytes under the same name were read before, and are not read twice.
        known = self._seen_answers.same(key, text)
        if known is not None and now < min(known.expires_at, known.midnight or known.expires_at):
            return known
        answer = answers.read(question, text, now, self.dataset.extras)
        if answer is None:
            if answers.read(question, text, now) is None:
                redis.ask(("DEL", key))
            return None
        self._seen_answers.put(key, text, answer)
        return answer

    def seen_past_its_life(self, question: Question, reply: Reply) -> Answer | None:
        """The answer that this process saw last, as a stale one, if it ended less than an hour ago."""
        answer = self._seen_answers.get(question.key)
        if answer is None or answer.expires_at + LONGEST_PAST_SECONDS <= self.now():
            return None
        prolonged = answers.prolonged(question, answer, self.now())
        if prolonged is not None:
            metrics.ANSWERED_FROM_MEMORY.inc()
        return prolonged

    @without_redis(instead=seen_past_its_life)
    def past(self, question: Question, reply: Reply) -> Answer | None:
        """None while Redis answers, as it keeps no expired answer; else what this process saw last, as a stale one."""
        redis.value(reply)
        return None

    @without_redis(returns=True)
    def is_gone(self, reply: Reply) -> bool:
        """Whether Redis gave no reply of use to what was asked of it last."""
        redis.value(reply)
        return False

    def lost(self, *args: object) -> bool:
        """A record that Redis did not take; whoever needs it works it out again."""
        metrics.REDIS_LOST_WRITES.inc()
        return False

    @without_redis(instead=lost)
    def finish(self, question: Question, answer: Answer) -> bool:
        """Keeps a finished answer for as long as it lives; True if it is kept."""
        return bool(self.finish_all({question: answer}))

    @without_redis(instead=lost)
    def finish_several(self, finished: Mapping[Question, Answer]) -> bool:
        """Keeps the finished answers of one call as long as each lives, in one round trip; True if all are kept."""
        return self.finish_all(finished) == len(finished)

    def finish_all(self, finished: Mapping[Question, Answer]) -> int:
        """Keeps finished answers as long as each lives, in one round trip; gives how many. RedisDown without Redis."""
        commands: list[Command] = []
        for question, answer in finished.items():
            life_seconds = question.kept_seconds(answer.expires_at - int(self.now()))
            if life_seconds >= 1:
                self._seen_answers.put(question.key, answer.text, answer)
                commands.append(("SET", question.key, answer.text, "EX", life_seconds))
        for reply in redis.ask(*commands):
            redis.value(reply)
        return len(commands)

    def lives_of(self, questions: Iterable[Question]) -> dict[Question, float]:
        """For how many seconds the finished answers live on, 0 for what is not there. RedisDown without Redis."""
        questions = list(questions)
        replies = redis.ask(*(("PTTL", question.key) for question in questions))
        return {question: max(0, redis.value(reply)) / 1000 for question, reply in zip(questions, replies, strict=True)}

    def held_with(self, cell: Cell, popularity: Popularity) -> tuple[Series | None, float]:
        """What Open-Meteo last said about the cell, and how often it is asked for, in one round trip."""
        return self.held_with_all([cell], popularity)[cell]

    def held_with_all(self, cells: Collection[Cell], popularity: Popularity) -> dict[Cell, tuple[Series | None, float]]:
        """Cell → what Open-Meteo last said about it and how often it is asked for, for all in one round trip."""
        replies = redis.ask(*(self.record(cell) for cell in cells), *map(popularity.rating, cells))
        now = self.now()
        return {
            cell: (self._held(cell, record, now), popularity.rate(rating))
            for cell, record, rating in zip(cells, replies, replies[len(cells) :], strict=False)
        }

    def record(self, cell: Cell) -> Command:
        """The command for what is held of a cell, packed."""
        return ("HGET", self.dataset.record_key_of(cell), self.version)

    def held_of(self, cells: Iterable[Cell]) -> dict[Cell, Series]:
        """Cell → what Open-Meteo last said about it, in few round trips; cells without a record are left out."""
        cells = list(cells)
        replies = [
            reply
            for begin in range(0, len(cells), RECORDS_AT_ONCE)
            for reply in redis.ask(*map(self.record, cells[begin : begin + RECORDS_AT_ONCE]))
        ]
        now = self.now()
        held = {}
        for cell, reply in zip(cells, replies, strict=True):
            if (series := self._held(cell, reply, now)) is not None:
                give_way()
                held[cell] = series
        return held

    def fetched_at_of(self, cells: Iterable[Cell]) -> dict[Cell, int]:
        """When what is held of cells was fetched; what is not held is left out. RedisDown without Redis."""
        cells = list(cells)
        now = self.now()
        fetched = {}
        for cell, reply in zip(cells, redis.ask(*map(self.record, cells)), strict=True):
            with suppress(Unreadable):
                if (packed := redis.value(reply)) is not None and self._is_held(at := fetched_at(packed), now):
                    fetched[cell] = at
        return fetched

    def _seen_packed(self, cell: Cell, reply: Reply) -> bytes | None:
        return self._seen_records.get(cell.key)

    @without_redis(instead=_seen_packed)
    def _packed(self, cell: Cell, reply: Reply) -> bytes | None:
        packed: bytes | None = redis.value(reply)
        if packed is not None:
            self._seen_records.put(cell.key, packed, packed)
        return packed

    def _held(self, cell: Cell, reply: Reply, now: float) -> Series | None:
        """What a reply to `record` holds; None where nothing is held, or nothing of use."""
        packed = self._packed(cell, reply)
        if packed is None:
            return None
        try:
            series = unpack(packed, self.dataset)
        except Unreadable:
            return None
        is_whole = self.names <= series.columns.keys() and is_long_enough(series.hours, self.dataset)
        is_ours = is_whole and is_near(cell, series.latitude, series.longitude)
        return series if is_ours and self._is_held(series.fetched_at, now) else None

    def _is_held(self, fetched_at: int, now: float) -> bool:
        return now - self.hold_seconds < fetched_at <= now + CLOCK_SLACK_SECONDS

    @without_redis(instead=lost)
    def hold(self, fetched: Mapping[Cell, Series]) -> bool:
        """Keeps what Open-Meteo said for the hold; True if all of it is kept."""
        packed = {}
        for cell, series in fetched.items():
            record = packed[cell] = pack(series, self.dataset)
            self._seen_records.put(cell.key, record, record)
            give_way()
        key_of = self.dataset.record_key_of
        commands = (_HOLD(key_of(cell), self.version, record, self.hold_seconds) for cell, record in packed.items())
        for reply in redis.ask(*commands):
            redis.value(reply)
        return True

    @without_redis(returns=None)
    def reject(self, cells: Collection[Cell]) -> None:
        """Remembers for ten minutes that Open-Meteo has no weather for these, so that they cost nothing meanwhile."""
        if cells:
            keys = (cell.key for cell in cells)
            redis.value(redis.ask(_REJECT(REJECTED_KEY, REJECTED_SECONDS, *keys))[0])

    def reject_here(self, cells: Collection[Cell]) -> None:
        """Remembers for ten minutes, in this process alone, what it cannot read and others may."""
        now = self.now()
        self._unreadable = {cell: until for cell, until in self._unreadable.items() if until > now}
        self._unreadable |= dict.fromkeys(cells, now + REJECTED_SECONDS)

    def unreadable_seconds(self, cell: Cell) -> int:
        """For how long a cell of `reject_here` stays so; 0 for any other."""
        return math.ceil(max(0.0, self._unreadable.get(cell, 0.0) - self.now()))

    def rejection(self, cell: Cell) -> Command:
        """The command whose reply `rejected_seconds` reads, for whoever shares a round trip with it."""
        return ("ZSCORE", REJECTED_KEY, cell.key)

    @without_redis(returns=0)
    def rejected_seconds(self, reply: Reply) -> int:
        """For how long the cell of `rejection` stays rejected; 0 if it is not."""
        return self._left_seconds(redis.value(reply))

    def rejected_of(self, cells: Iterable[Cell]) -> dict[Cell, int]:
        """Cell → seconds for which nothing is asked about it, for those of `cells` that had no weather."""
        cells = list(cells)
        unreadable = {cell: seconds for cell in cells if (seconds := self.unreadable_seconds(cell))}
        return unreadable | self._rejected_in_redis(cells) if cells else {}

    @without_redis(instead=lambda self, cells: {})
    def _rejected_in_redis(self, cells: list[Cell]) -> dict[Cell, int]:
        untils = redis.value(redis.ask(("ZMSCORE", REJECTED_KEY, *(cell.key for cell in cells)))[0])
        left = {cell: self._left_seconds(until) for cell, until in zip(cells, untils, strict=True)}
        return {cell: seconds for cell, seconds in left.items() if seconds > 0}

    def _left_seconds(self, until: bytes | None) -> int:
        return 0 if until is None else math.ceil(min(max(0.0, float(until) - self.now()), REJECTED_SECONDS))
