"""What the service keeps in Redis: finished answers, what Open-Meteo said, and the places it rejects."""

from collections.abc import Callable, Iterable, Mapping
from time import time

from weather import answers
from weather.answers import Answer, Question
from weather.cells import Cell
from weather.forecast import Series
from weather.packing import VERSION, Unreadable, pack, unpack
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

#: The days that phones ask for; other answers are worked out anew at no cost and would fill the memory.
USUAL_DAYS = 7
UNUSUAL_LIFE_SECONDS = 60

REJECTED_KEY = "rejected:cells"
REJECTED_SECONDS = 600

# Field and life are set in one step, so that a crash leaves no key without a life. What lies under the
# name and is no hash was never ours.
_HOLD = """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
_REJECT = "redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) return redis.call('EXPIRE', KEYS[1], ARGV[3])"


class Store:
    """The records by cell. A method that touches Redis says above its name what it returns without it."""

    def __init__(self, hold_seconds: int, now: Callable[[], float] = time) -> None:
        self.hold_seconds = hold_seconds
        self.now = now

    def finding(self, question: Question) -> Command:
        """The command whose reply `found` reads, for whoever shares a round trip with it."""
        return ("GET", question.key)

    @without_redis(returns=None)
    def found(self, question: Question, reply: Reply) -> Answer | None:
        """The finished answer in Redis' reply; what is no answer is deleted, and None like what is not there."""
        text = redis.value(reply)
        if text is None:
            return None
        answer = answers.read(question, text, self.now())
        if answer is None:
            redis.ask(("DEL", question.key))
        return answer

    @without_redis(returns=False)
    def finish(self, question: Question, answer: Answer) -> bool:
        """Keeps a finished answer for as long as it lives; True if it is kept."""
        life_seconds = answer.expires_at - int(self.now())
        if question.days not in (None, USUAL_DAYS):
            life_seconds = min(life_seconds, UNUSUAL_LIFE_SECONDS)
        if life_seconds < 1:
            return False
        redis.value(redis.ask(("SET", question.key, answer.text, "EX", life_seconds))[0])
        return True

    def held(self, cell: Cell) -> Series | None:
        """What Open-Meteo last said about the cell, if that is no older than the hold."""
        return self.held_of([cell]).get(cell)

    def held_of(self, cells: Iterable[Cell]) -> dict[Cell, Series]:
        """The same for many cells in one round trip; cells of which nothing is held are left out."""
        cells = list(cells)
        replies = redis.ask(*(("HGET", _upstream_key(cell), VERSION) for cell in cells))
        oldest = self.now() - self.hold_seconds
        unpacked = zip(cells, map(_unpacked, replies), strict=True)
        return {cell: series for cell, series in unpacked if series and series.fetched_at > oldest}

    @without_redis(returns=False)
    def hold(self, fetched: Mapping[Cell, Series]) -> bool:
        """Keeps what Open-Meteo said for the hold; True if all of it is kept."""
        commands = (
            ("EVAL", _HOLD, 1, _upstream_key(cell), VERSION, pack(series), self.hold_seconds)
            for cell, series in fetched.items()
        )
        for reply in redis.ask(*commands):
            redis.value(reply)
        return True

    @without_redis(returns=None)
    def reject(self, cell: Cell) -> None:
        """Remembers for ten minutes that Open-Meteo has no weather for the cell, so that it costs nothing meanwhile."""
        until = int(self.now()) + REJECTED_SECONDS
        redis.value(redis.ask(("EVAL", _REJECT, 1, REJECTED_KEY, cell.key, until, REJECTED_SECONDS))[0])

    @without_redis(returns=False)
    def is_rejected(self, cell: Cell) -> bool:
        until = redis.value(redis.ask(("ZSCORE", REJECTED_KEY, cell.key))[0])
        return until is not None and float(until) > self.now()


def _upstream_key(cell: Cell) -> str:
    return f"upstream:{cell.key}"


@without_redis(returns=None)
def _unpacked(reply: Reply) -> Series | None:
    packed = redis.value(reply)
    try:
        return None if packed is None else unpack(packed)
    except Unreadable:
        return None
