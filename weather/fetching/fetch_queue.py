"""The queue of the fleet for Open-Meteo: slots for calls, and the queue of cells that anyone wants.

The free service runs one request for each address and refuses more, so all processes share their calls. A
call is a slot in Redis. Whoever has the slot takes what all have queued; the others find the records.
"""

import math
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from zlib import crc32

from weather.core.cells import Cell
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

#: A refresh that nobody came to within this time is wanted anew by the next request.
REFRESH_WANTED_SECONDS = 60

# A queue is a sorted set of cells and of the time until which each is wanted, by Redis' own clock. Refreshes stand
# behind all cold cells, for their scores lie a long way later. A cold cell's time replaces what stood there; a
# refresh never pushes a cold cell back.
_WANT = redis.script("""
local now = tonumber(redis.call('TIME')[1])
local cold_until, refresh_until = now + ARGV[1], now + ARGV[2] + 1e12
for i = 4, #ARGV do
    if i < 4 + ARGV[3] then
        redis.call('ZADD', KEYS[1], cold_until, ARGV[i])
    else
        redis.call('ZADD', KEYS[1], 'NX', refresh_until, ARGV[i])
    end
end
return redis.call('EXPIRE', KEYS[1], 600)
""")
_TURN = redis.script("""
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], 1e12, 1e12 + now)
return {redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(1e12', 'LIMIT', 0, ARGV[3]),
        redis.call('ZRANGEBYSCORE', KEYS[2], 1e12, '+inf', 'LIMIT', 0, ARGV[3])}
""")
# Only its owner keeps a slot or gives it back: it may have expired meanwhile and be another's.
_RENEW = redis.script(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
)
_RELEASE = redis.script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")


@dataclass(frozen=True, slots=True)
class Lease:
    """A slot that is ours, and the cells to ask for with it: those that requests wait for, and those to refresh."""

    slot: int
    token: str
    cold: list[Cell]
    refresh: list[Cell]


class FetchQueue:
    """`slots` calls at once in the whole fleet, of at most `batch` cells, each over after `call_seconds`."""

    def __init__(self, slots: int, batch: int, call_seconds: float) -> None:
        self.slots = slots
        self.batch = batch
        # A holder that dies loses its slot by itself, a little after its call would have ended.
        self.slot_milliseconds = int((call_seconds + 1) * 1000)

    def slot_of(self, cell: Cell) -> int:
        return crc32(cell.key.encode()) % self.slots

    @without_redis(returns=None)
    def want(self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]) -> None:
        """Queues cold cells, for as long as someone may wait, and refreshes; each stands there once in the fleet."""
        seconds = (math.ceil(wait_seconds), REFRESH_WANTED_SECONDS)
        queues: dict[int, tuple[list[str], list[str]]] = {}
        for at, cells in enumerate((cold, refresh)):
            for cell in cells:
                queues.setdefault(self.slot_of(cell), ([], []))[at].append(cell.key)
        commands = [
            _WANT(_queue(slot), *seconds, len(colds), *colds, *refreshes) for slot, (colds, refreshes) in queues.items()
        ]
        for reply in redis.ask(*commands):
            redis.value(reply)

    def turns(self, slots: Iterable[int]) -> list[Lease]:
        """The slots that are free, each with its batch, cold cells first; in one round trip."""
        tokens = {slot: secrets.token_hex(8) for slot in slots}
        replies = redis.ask(
            *(
                _TURN((_slot(slot), _queue(slot)), token, self.slot_milliseconds, self.batch)
                for slot, token in tokens.items()
            )
        )
        turns = (self._turn(*taken, reply) for taken, reply in zip(tokens.items(), replies, strict=True))
        return [turn for turn in turns if turn]

    def turn(self, slot: int) -> Lease | None:
        """The slot with its batch; None while another has it."""
        return next(iter(self.turns([slot])), None)

    def _turn_alone(self, slot: int, token: str, reply: Reply) -> Lease | None:
        """Without Redis each process converses alone, about its own cells."""
        return Lease(slot, "", [], [])

    @without_redis(instead=_turn_alone)
    def _turn(self, slot: int, token: str, reply: Reply) -> Lease | None:
        batches = redis.value(reply)
        if batches is None:
            return None
        cold, refresh = ([cell for cell in map(_cell, members) if cell] for members in batches)
        return Lease(slot, token, cold, refresh[: self.batch - len(cold)])

    @without_redis(returns=True)
    def renew(self, turn: Lease) -> bool:
        """Keeps the slot for another call; False where it expired and may be another's by now."""
        return bool(redis.value(redis.ask(_RENEW(_slot(turn.slot), turn.token, self.slot_milliseconds))[0]))

    @without_redis(returns=None)
    def end(self, turn: Lease, done: Iterable[Cell]) -> None:
        """Takes the cells that were dealt with out of the queue and gives the slot back."""
        keys = [cell.key for cell in done]
        commands = [("ZREM", _queue(turn.slot), *keys)] if keys else []
        for reply in redis.ask(*commands, _RELEASE(_slot(turn.slot), turn.token)):
            redis.value(reply)

    @without_redis(returns=frozenset())
    def still_wanted(self, cells: Collection[Cell]) -> frozenset[Cell]:
        """Those of the cells that stand in the queue."""
        replies = redis.ask(*map(self.standing, cells))
        return frozenset(cell for cell, reply in zip(cells, replies, strict=True) if redis.value(reply) is not None)

    def standing(self, cell: Cell) -> Command:
        """The command whose reply `stands` reads, for whoever shares a round trip with it."""
        return ("ZSCORE", _queue(self.slot_of(cell)), cell.key)

    @without_redis(returns=False)
    def stands(self, reply: Reply) -> bool:
        """Whether the cell of `standing` is in the queue."""
        return redis.value(reply) is not None


def _slot(slot: int) -> str:
    return f"slot:{{open-meteo}}:{slot}"


def _queue(slot: int) -> str:
    return f"wanted:{{open-meteo}}:{slot}"


def _cell(member: bytes) -> Cell | None:
    try:
        return Cell.from_key(member.decode())
    except ValueError:
        return None  # of another version of the code, or by hand
