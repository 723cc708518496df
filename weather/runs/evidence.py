"""What the fleet's refreshes brought, by model and tile: noted in each process, added up in Redis, read by all.

A tile whose evidence contradicts the table of areas goes back to refresh intervals, and returns when they agree again
(weather/core/runs/evidence.py).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import NamedTuple

from weather.core.cells import Cell
from weather.core.runs.areas import Areas
from weather.core.runs.comparison import lacked_run
from weather.core.runs.evidence import LIFE_SECONDS, NOTHING, TILE, Counts, TileEvidence, outcome_of, tile_of
from weather.runs.table import RunTable
from weathernote import redis
from weathernote.redis import Lookup, Role, without_redis
from weathernote.telemetry import metrics

KEY = "runs:evidence"
#: The map has 2,592 tiles, and some of them lie in the areas of several models.
MOST_TILES = 4_000
#: How long a refresh is remembered until the run times are read again. The poller asks every 15 minutes.
WAIT_SECONDS = 1800

_MOST_PENDING = 20_000
_TILES_AT_ONCE = 100

# For each tile: the text that was read, and the one to put in its place unless another process was faster. 1: done,
# 0: another was faster; -1: there is no room.
_REPLACE = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local done = {}
for at = 3, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[at]) or ''
  if held ~= ARGV[at + 1] then
    done[#done + 1] = 0
  elseif held == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
    done[#done + 1] = -1
  else
    if ARGV[at + 2] == '' then redis.call('HDEL', KEYS[1], ARGV[at])
    else redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2]) end
    done[#done + 1] = 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return done
""",
    role=Role.PRIMARY,
)


class Tile(NamedTuple):
    """A model's name and a 5° tile; its `str` is its field in Redis."""

    model: str
    tile: str

    def __str__(self) -> str:
        return f"{self.model}:{self.tile}"


class _Refresh(NamedTuple):
    at: Tile
    held_at: int
    new_at: int
    has_changed: bool


class _Addition(NamedTuple):
    counts: Counts
    run: int
    probed_at: int


class Evidence:
    """The evidence of all tiles. Rounds only call `note`; a loop calls `flush` and `read`, and requests `contradicts`.

    `table` tells the run times that refreshes are judged by.
    """

    def __init__(self, areas: Areas, table: RunTable, now: Callable[[], float] = time) -> None:
        self.areas = areas
        self.table = table
        self.now = now
        self.tiles: Mapping[Tile, TileEvidence] = {}
        self._contradicted: frozenset[Tile] = frozenset()
        # Appending and taking are atomic each, so that no round ever waits for a lock.
        self._pending: deque[_Refresh] = deque(maxlen=_MOST_PENDING)
        self._unwritten: dict[tuple[Tile, int], _Addition] = {}
        self._texts: Mapping[bytes, bytes] = {}
        self._outdated: dict[str, bytes] = {}
        for model in areas.models:  # series begin at 0, so that the first event shows as an increase
            metrics.TILES_BY_INTERVAL.labels(model)
            for outcome in Counts._fields:
                metrics.RUN_EVIDENCE.labels(model, outcome)

    def tile_of(self, cell: Cell) -> Tile:
        """The cell's model by the table of areas, and its tile."""
        return Tile(self.areas.model_of(cell).name, tile_of(cell))

    def contradicts(self, cell: Cell, model: str) -> bool:
        """Whether the evidence contradicts the table where the cell lies. It asks Redis nothing."""
        return bool(self._contradicted) and Tile(model, tile_of(cell)) in self._contradicted

    @property
    def contradicted(self) -> frozenset[Tile]:
        """The tiles that go by refresh intervals, as last read."""
        return self._contradicted

    # ── behind a round ────────────────────────────────────────────────────────────────────────────

    def note(self, cell: Cell, held_at: int, new_at: int, *, has_changed: bool) -> None:
        """Notes a refresh: when the old and the new record were fetched (unix seconds), and whether values changed.

        It is judged when the run times of that time are known. Those known now must be trusted, or it is not noted.
        """
        at = self.tile_of(cell)
        times = self.table.times_of(at.model)
        if times is not None and times.is_trusted(new_at):
            self._pending.append(_Refresh(at, held_at, new_at, has_changed))

    # ── in a loop ─────────────────────────────────────────────────────────────────────────────────

    def flush(self) -> None:
        """Adds to Redis what was noted; what it does not take is kept for the next time."""
        for _ in range(len(self._pending)):
            refresh = self._pending.popleft()
            if not self._is_judged(refresh):
                self._pending.append(refresh)
        tiles = list(dict.fromkeys(tile for tile, _ in self._unwritten))
        for begin in range(0, len(tiles), _TILES_AT_ONCE):
            self._add(tiles[begin : begin + _TILES_AT_ONCE])
        self._remove_outdated()

    def _is_judged(self, refresh: _Refresh) -> bool:
        """Judges a refresh; False if that must wait until the run times have been read again."""
        times = self.table.times_of(refresh.at.model)
        lacked = None if times is None else lacked_run(times, refresh.held_at, refresh.new_at)
        if times is None or lacked is None:
            return True
        if not lacked and times.seen_at < refresh.new_at:
            return self.now() - refresh.new_at > WAIT_SECONDS
        run = times.run_of(refresh.new_at)
        if run is None or len(self._unwritten) >= MOST_TILES:
            return True
        outcome = outcome_of(lacked_run=lacked, has_changed=refresh.has_changed)
        metrics.RUN_EVIDENCE.labels(refresh.at.model, outcome).inc()
        key = (refresh.at, run.available)
        counts, _, probed_at = self._unwritten.get(key, _Addition(NOTHING, run.available, 0))
        probed_at = probed_at if lacked else max(probed_at, refresh.new_at)
        self._unwritten[key] = _Addition(counts.plus(Counts(**{outcome: 1.0})), run.available, probed_at)
        return True

    @without_redis(returns=None)
    def _add(self, tiles: list[Tile]) -> None:
        """Adds what is unwritten about these tiles, but where another process adds at the same time."""
        # Without a hash there is nothing; without Redis the script has no reply either.
        reading: Lookup[list[bytes | None]] = Lookup(
            redis.at(Role.PRIMARY, "HMGET", KEY, *map(str, tiles)), read=list, without=lambda: [None] * len(tiles)
        )
        texts = redis.fetch_one(reading)
        evidence = {tile: self._with_unwritten(tile, text) for tile, text in zip(tiles, texts, strict=True)}
        arguments = [
            part
            for tile, text in zip(tiles, texts, strict=True)
            for part in (str(tile), text or b"", evidence[tile].text)
        ]
        (done,) = redis.execute(_REPLACE(KEY, LIFE_SECONDS, MOST_TILES, *arguments))
        settled = {tile for tile, is_done in zip(tiles, done, strict=True) if is_done}
        self._unwritten = {key: added for key, added in self._unwritten.items() if key[0] not in settled}
        self._remember({tile: evidence[tile] for tile in settled})

    def _with_unwritten(self, tile: Tile, text: bytes | None) -> TileEvidence:
        now = self.now()
        held = TileEvidence.read(text) if text else self.tiles.get(tile)
        evidence = held if held is not None and held.is_current_at(now) else TileEvidence()
        for key in sorted(key for key in self._unwritten if key[0] == tile):
            evidence = evidence.with_refreshes(*self._unwritten[key])
        return evidence

    @without_redis(returns=None)
    def read(self) -> None:
        """Reads the evidence of all processes. Without Redis, and where it has forgotten, what is known stays."""
        fields: list[bytes] = redis.fetch_one(Lookup(redis.at(Role.REPLICA, "HGETALL", KEY), read=list))
        now, read, texts = self.now(), {}, dict(zip(fields[::2], fields[1::2], strict=True))
        self._outdated = {}
        for field, text in texts.items():
            model, _, tile = field.decode("utf-8", "replace").partition(":")
            at = Tile(model, tile)
            # Most texts are those of the last time, and parsing hundreds would delay the threads that serve hits.
            is_same = self._texts.get(field) == text
            evidence = (self.tiles.get(at) if is_same else None) or self._read(at, text)
            if evidence is None:
                continue
            read[at] = evidence
            if evidence.age_at(now) >= LIFE_SECONDS:
                self._outdated[str(at)] = text
        self._texts = texts
        self._remember(read)

    def _read(self, at: Tile, text: bytes) -> TileEvidence | None:
        is_tile = at.model in self.areas.models and TILE.fullmatch(at.tile)
        return TileEvidence.read(text) if is_tile else None

    @without_redis(returns=None)
    def _remove_outdated(self) -> None:
        arguments = [part for field, text in self._outdated.items() for part in (field, text, b"")]
        if arguments:
            self._outdated = {}
            redis.execute(_REPLACE(KEY, LIFE_SECONDS, MOST_TILES, *arguments))

    def _remember(self, read: Mapping[Tile, TileEvidence]) -> None:
        now = self.now()
        known = {**self.tiles, **read}
        self.tiles = {tile: evidence for tile, evidence in known.items() if evidence.is_current_at(now)}
        self._contradicted = frozenset(tile for tile, evidence in self.tiles.items() if evidence.contradicts_at(now))
        self._count(self._contradicted)

    def _count(self, contradicted: Iterable[Tile]) -> None:
        models = [tile.model for tile in contradicted]
        for model in self.areas.models:
            metrics.TILES_BY_INTERVAL.labels(model).set(models.count(model))
