"""Chooses the cells whose records are asked for although they have their model's newest run, as evidence.

Which tiles were probed when is a sorted set in Redis, so that all processes of the fleet keep to one share of the
budget. They choose one at a time: those that refresh hold a lock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil

from weather.core.cells import Cell
from weather.core.runs import probes
from weather.core.runs.evidence import TileEvidence
from weather.runs.evidence import Evidence, Tile
from weathernote import redis
from weathernote.redis import Lookup, Role, at, without_redis

KEY = "runs:probes"
#: So that a day's budget of nothing divides nothing by it.
_LEAST_PER_DAY = 0.01
_NOTE = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for at = 4, #ARGV do redis.call('ZADD', KEYS[1], ARGV[3], ARGV[at]) end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
""",
    role=Role.PRIMARY,
)


class Probes:
    """The probes of a fleet: at most BUDGET_SHARE of `day_budget`, a weight, in any day."""

    def __init__(self, evidence: Evidence, day_budget: float, weight_of_a_cell: float = 1.0) -> None:
        self.evidence = evidence
        self.per_day = max(probes.BUDGET_SHARE * day_budget / weight_of_a_cell, _LEAST_PER_DAY)

    @without_redis(returns=[])
    def cells_to_probe(
        self, cells: Iterable[Cell], fetched_at_of: Mapping[Cell, int], now: float, most: int
    ) -> list[Cell]:
        """At most `most` of the active `cells` to ask for now, one in each tile that is due, the doubtful tiles first.

        `fetched_at_of` has the unix seconds at which the held records were fetched. A tile that was chosen is not
        chosen again before the next run, whatever comes of it. None are chosen without Redis.
        """
        since = now - probes.log_seconds(self.per_day)
        # A key of another type is an empty log, and replaced; without Redis nothing can be noted, or probed.
        reading = Lookup(at(Role.PRIMARY, "ZRANGEBYSCORE", KEY, since, now, "WITHSCORES"), read=_read, without=_empty)
        past = redis.fetch_one(reading)
        most = min(most, probes.allowed([at for _, at in past], now, self.per_day))
        if most < 1:
            return []
        by_tile: dict[Tile, dict[Cell, int]] = {}
        for cell in cells:
            if cell in fetched_at_of:
                by_tile.setdefault(self.evidence.tile_of(cell), {})[cell] = fetched_at_of[cell]
        chosen = self._chosen(by_tile, dict(past), now, most)
        self._note(chosen, now, since)
        return list(chosen.values())

    def _chosen(
        self, by_tile: Mapping[Tile, Mapping[Cell, int]], probed_at: Mapping[str, float], now: float, most: int
    ) -> dict[Tile, Cell]:
        chosen: dict[Tile, Cell] = {}
        for tile in self._due(by_tile, probed_at, now):
            times = self.evidence.table.times_of(tile.model)
            cell = times and probes.cell_to_probe(by_tile[tile], times, now)
            if cell:
                chosen[tile] = cell
            if len(chosen) == most:
                break
        return chosen

    def _due(self, tiles: Collection[Tile], probed_at: Mapping[str, float], now: float) -> list[Tile]:
        period = probes.period_seconds(len(tiles), self.per_day)
        due = []
        for tile in tiles:
            times = self.evidence.table.times_of(tile.model)
            if times is None or not times.is_trusted(now):
                continue
            evidence = self.evidence.tiles.get(tile, TileEvidence())
            overdue = probes.seconds_overdue(evidence, times, now, period)
            if overdue >= 0 and probed_at.get(str(tile), 0.0) < times.runs[0].settled:
                due.append((not evidence.is_suspect, -overdue, tile))
        return [tile for *_, tile in sorted(due)]

    def _note(self, tiles: Collection[Tile], now: float, since: float) -> None:
        """Adds to the log; raises RedisDown, for what is not in it would not be counted."""
        if tiles:
            members = [f"{tile}@{int(now)}" for tile in tiles]
            redis.execute(_NOTE(KEY, since, ceil(now - since), now, *members))


def _read(members: Sequence[bytes]) -> list[tuple[str, float]]:
    """Pairs of a tile and when it was probed, the latest last."""
    pairs = zip(members[::2], members[1::2], strict=True)
    return [(member.decode("utf-8", "replace").partition("@")[0], float(at)) for member, at in pairs]


def _empty() -> list[tuple[str, float]]:
    return []
