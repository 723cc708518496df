"""Chooses the cells whose records are asked for although they have their model's newest run, as evidence."""

from collections.abc import Iterable, Mapping

from weather.core.cells import Cell
from weather.core.runs import probes
from weather.core.runs.evidence import TileEvidence
from weather.core.runs.probes import Allowance
from weather.runs.evidence import Evidence, Tile

#: How long after looking at all cells the next look is worth its time.
LOOK_SECONDS = 60


class Probes:
    """The probes of the process that refreshes for the fleet: at most BUDGET_SHARE of `day_budget`, a weight."""

    def __init__(self, evidence: Evidence, day_budget: float, weight_of_a_cell: float = 1.0) -> None:
        self.evidence = evidence
        self.allowance = Allowance(probes.BUDGET_SHARE * day_budget / weight_of_a_cell)
        self._probed_at: dict[Tile, float] = {}
        self._looked_at = -float(LOOK_SECONDS)

    def cells_to_probe(
        self, cells: Iterable[Cell], fetched_at_of: Mapping[Cell, int], now: float, most: int
    ) -> list[Cell]:
        """At most `most` of the active `cells` to ask for now, one in each tile that is due, the doubtful tiles first.

        `fetched_at_of` has the unix seconds at which the held records were fetched. A tile that was chosen is not
        chosen again within a run interval, whatever comes of it.
        """
        most = min(most, self.allowance.whole(now))
        if most < 1 or now - self._looked_at < LOOK_SECONDS:
            return []
        self._looked_at = now
        by_tile: dict[Tile, dict[Cell, int]] = {}
        for cell in cells:
            if cell in fetched_at_of:
                by_tile.setdefault(self.evidence.tile_of(cell), {})[cell] = fetched_at_of[cell]
        chosen = self._chosen(by_tile, now, most)
        self.allowance.spend(len(chosen))
        self._probed_at = {tile: at for tile, at in self._probed_at.items() if tile in by_tile}
        self._probed_at |= dict.fromkeys(chosen, now)
        return list(chosen.values())

    def _chosen(self, by_tile: Mapping[Tile, Mapping[Cell, int]], now: float, most: int) -> dict[Tile, Cell]:
        chosen: dict[Tile, Cell] = {}
        for tile in self._due(by_tile, now):
            times = self.evidence.table.times_of(tile.model)
            cell = times and probes.cell_to_probe(by_tile[tile], times, now)
            if cell:
                chosen[tile] = cell
            if len(chosen) == most:
                break
        return chosen

    def _due(self, tiles: Mapping[Tile, object], now: float) -> list[Tile]:
        period = probes.period_seconds(len(tiles), self.allowance.per_day)
        due = []
        for tile in tiles:
            times = self.evidence.table.times_of(tile.model)
            if times is None or not times.is_trusted(now):
                continue
            evidence = self.evidence.tiles.get(tile, TileEvidence())
            overdue = probes.seconds_overdue(evidence, now, period, times.interval_seconds)
            if overdue >= 0 and now - self._probed_at.get(tile, 0.0) >= times.interval_seconds:
                due.append((not evidence.is_suspect, -overdue, tile))
        return [tile for *_, tile in sorted(due)]
