"""What Open-Meteo last said about each cell, held in Redis."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from time import time

from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weather.core.freshness.drift import Drift
from weather.core.records.packing import Unreadable, fetched_at, pack, unpack, version_of
from weather.core.series import Series
from weather.core.windows import CLOCK_SLACK_SECONDS
from weather.fetching.rejections import Rejections
from weather.runs.held_times import HeldTimes
from weathernote import redis
from weathernote.redis import Command, Lookup, RedisDown, Role, Sourced, at
from weathernote.redis.outages.memory import Memory
from weathernote.telemetry import metrics
from weathernote.threads import give_way

#: What a process remembers of records of all datasets; about 5,000 cells.
MEMORY_BYTES = 16_000_000

#: One timeout covers a round trip, and a record is 3 kB.
RECORDS_AT_ONCE = 100

# Field and life are set in one step, so that a crash leaves no key without a life. What lies under the name and is no
# hash was never ours. Whoever hears the channel, if one is given, finds the record; where it is refused the record is
# held all the same.
_HOLD = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[4] then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
return 1
""",
    role=Role.PRIMARY,
)


def memory_of_records() -> Memory[bytes]:
    """A memory for the packed records of one process, by key."""
    return Memory(most_entries=10_000, most_bytes=MEMORY_BYTES)


class Store:
    """The held records of one dataset by cell, in Redis and, while it is gone, in the memory of this process.

    `memory` may be shared with other datasets.
    """

    def __init__(
        self,
        dataset: Dataset,
        hold_seconds: int,
        memory: Memory[bytes] | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self.dataset = dataset
        #: When records were fetched, of a dataset whose models' runs are followed.
        self.held_times = HeldTimes(dataset.name, hold_seconds) if dataset.areas else None
        self.hold_seconds = hold_seconds
        self.version = version_of(dataset)
        self.names = frozenset(variable.name for variable in dataset.asked)
        self.now = now
        self.rejections = Rejections(dataset, now)
        self._remembered = memory_of_records() if memory is None else memory

    @property
    def name(self) -> str:
        """The name of the dataset in metrics."""
        return self.dataset.name

    @property
    def keeps_earlier_rows(self) -> bool:
        """Whether a record keeps hours of the one before it."""
        return self.dataset.keeps_earlier_rows

    @property
    def drift(self) -> Drift | None:
        """How a refreshed record is compared with the one before it; None if it is not."""
        return self.dataset.drift

    # ── records ───────────────────────────────────────────────────────────────────────────────────

    def record(self, cell: Cell) -> Command:
        """The command for what is held of a cell, packed, as this region knows it."""
        return at(Role.REPLICA, "HGET", self.dataset.record_key_of(cell), self.version)

    def held(self, cell: Cell) -> Lookup[Series | None]:
        """What Open-Meteo last said about the cell; None if nothing is held, or nothing of use.

        Without Redis it is what this process saw last.
        """
        return Lookup(self.record(cell), read=partial(self._read, cell), without=partial(self._recall, cell))

    def newest(self, cell: Cell) -> Lookup[Series | None]:
        """The same from where records are written: a region's replica may be behind."""
        reading = at(Role.PRIMARY, "HGET", self.dataset.record_key_of(cell), self.version)
        return Lookup(reading, read=partial(self._read_newest, cell), without=partial(self._recall, cell))

    def seen_at(self, cell: Cell) -> Lookup[int]:
        """When the record was fetched that answers come from here and now, in unix seconds; 0 without one."""
        return Lookup(self.record(cell), read=partial(self._seen_at, cell), without=partial(self._seen_at, cell))

    def is_readable(self, cell: Cell) -> bool:
        """Whether Redis would tell what is held of the cell, as far as this process knows without asking."""
        return not redis.refuses(self.record(cell))

    def packed(self, cell: Cell) -> Lookup[Sourced[bytes | None]]:
        """What is held of the cell, packed, for `unpacked`; without Redis what this process saw last."""
        return Lookup(
            self.record(cell), read=partial(self._read_packed, cell), without=partial(self._recall_packed, cell)
        )

    def held_of(self, cells: Iterable[Cell]) -> dict[Cell, Series]:
        """Cell → what Open-Meteo last said about it, in few round trips; cells without a record are left out."""
        cells = list(cells)
        held: list[Series | None] = []
        for begin in range(0, len(cells), RECORDS_AT_ONCE):
            held += redis.fetch_all(map(self.held, cells[begin : begin + RECORDS_AT_ONCE]))
        return {cell: series for cell, series in zip(cells, held, strict=True) if series is not None}

    def fetched_at_of(self, cells: Iterable[Cell]) -> dict[Cell, int]:
        """Cell → when its held record was fetched, in unix seconds; cells without a record are left out.

        A key of another type holds no record. Raises RedisDown.
        """
        cells = list(cells)
        now = self.now()
        fetched = {}
        for cell, packed in zip(cells, redis.ask(*map(self.record, cells)), strict=True):
            if isinstance(packed, RedisDown):
                raise packed
            with suppress(Unreadable):
                if isinstance(packed, bytes) and self._is_in_hold(at := fetched_at(packed), now):
                    fetched[cell] = at
        return fetched

    def hold(self, fetched: Mapping[Cell, Series]) -> bool:
        """Keeps records for the hold, and says whether Redis took all of them."""
        return redis.fetch_one(self.holding(fetched))

    def holding(self, fetched: Mapping[Cell, Series], *, announces: bool = False) -> Lookup[bool]:
        """Keeps records for the hold; the value says whether Redis took all. This process remembers them at once.

        With `announces` each is published in the same step, which is for one server: not for a cluster.
        """
        channel = self.dataset.held_channel if announces else ""
        commands: list[Command] = []
        for cell, series in fetched.items():
            record = pack(series, self.dataset)
            key = self.dataset.record_key_of(cell)
            self._remembered.put(key, record, record)
            news = (channel, cell.key) if channel else ()
            commands.append(_HOLD(key, self.version, record, self.hold_seconds, *news))
            give_way()
        if self.held_times and fetched:
            commands.append(self.held_times.noting({cell: series.fetched_at for cell, series in fetched.items()}))
        return Lookup(*commands, read=lambda *_: True, without=metrics.count_lost_write)

    def announcing(self, cells: Collection[Cell]) -> Lookup[None]:
        """Publishes that new records of the cells are held; to be sent after them. Without Redis nobody hears it."""
        channel = self.dataset.held_channel
        keys = [cell.key for cell in (cells if channel else ())]
        if redis.is_cluster(Role.PRIMARY):
            commands = [at(Role.PRIMARY, "SPUBLISH", channel, key) for key in keys]
        else:
            commands = [at(Role.PRIMARY, "PUBLISH", channel, key) for key in keys]
        return Lookup(*commands, read=lambda *_: None, without=lambda: None)

    def _read_packed(self, cell: Cell, packed: bytes | None) -> Sourced[bytes | None]:
        return Sourced(self._latest(cell, packed), "redis")

    def _recall_packed(self, cell: Cell) -> Sourced[bytes | None]:
        return Sourced(self._remembered.get(self.dataset.record_key_of(cell)), "memory")

    def _read(self, cell: Cell, packed: bytes | None) -> Series | None:
        packed = self._latest(cell, packed)
        return None if packed is None else self.unpacked(cell, packed)

    def _read_newest(self, cell: Cell, packed: bytes | None) -> Series | None:
        self._latest(cell, packed)
        return None if packed is None else self.unpacked(cell, packed)

    def _latest(self, cell: Cell, packed: bytes | None) -> bytes | None:
        """The record that Redis gave, which is remembered; or the one that is, if a replica has not got it yet."""
        key = self.dataset.record_key_of(cell)
        remembered = self._remembered.get(key) if redis.is_replicated() else None
        if remembered is not None and remembered != packed and _moment(remembered) > _moment(packed):
            return remembered
        if packed is not None:
            self._remembered.put(key, packed, packed)
        return packed

    def _seen_at(self, cell: Cell, packed: bytes | None = None) -> int:
        return max(_moment(packed), _moment(self._remembered.get(self.dataset.record_key_of(cell))))

    def _recall(self, cell: Cell) -> Series | None:
        packed = self._remembered.get(self.dataset.record_key_of(cell))
        return None if packed is None else self.unpacked(cell, packed)

    def unpacked(self, cell: Cell, packed: bytes) -> Series | None:
        """The series of a cell in a packed record; None for what is of no use."""
        try:
            series = unpack(packed, self.dataset)
        except Unreadable:
            return None
        finally:
            give_way()
        is_complete = self.names <= series.columns.keys() and self.dataset.is_long_enough(series.hours)
        is_ours = is_complete and cell.is_near(series.latitude, series.longitude)
        return series if is_ours and self._is_in_hold(series.fetched_at, self.now()) else None

    def _is_in_hold(self, fetched_at: int, now: float) -> bool:
        return now - self.hold_seconds < fetched_at <= now + CLOCK_SLACK_SECONDS


def _moment(packed: bytes | None) -> int:
    """When a packed record was fetched, in unix seconds; 0 for none, or for what is no record."""
    with suppress(Unreadable):
        return 0 if packed is None else fetched_at(packed)
    return 0
