"""Who asks for what: 2,000 cells, the more popular the fewer (Zipf), and 100,000 clients, as lines for mix.lua."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weather.core.cells import Cell

CELLS = 2_000
CLIENTS = 100_000
#: The share of cell number n is 1 ÷ n to this power.
ZIPF = 1.0
#: Cells that no benchmark asks for twice, south of the others.
FRESH_FROM_TENTHS_LAT = -100

WEATHER = "/api/v1/weather"
FORECAST = "/api/v1/forecast"


def cells(count: int = CELLS) -> list[Cell]:
    """A grid over the north, 50 by 40, shuffled so that popular cells lie everywhere."""
    grid = [Cell(lat * 8 + 100, lon * 60 - 1500) for lat in range(40) for lon in range(50)]
    order = np.random.default_rng(1).permutation(len(grid))
    return [grid[at] for at in order[:count]]


def fresh_cells(count: int, begin: int = 0) -> list[Cell]:
    """Cells number `begin` and following of the south, 700 rows of 3,600: nobody has asked for them."""
    numbers = range(begin, begin + count)
    return [Cell(FRESH_FROM_TENTHS_LAT - number // 3600, number % 3600 - 1800) for number in numbers]


def cached(route: str, seed: int = 2, requests: int = CLIENTS) -> list[str]:
    """A request of each client, for a position in a cell drawn by its popularity."""
    chance = np.random.default_rng(seed)
    known = cells()
    weights = 1 / np.arange(1, len(known) + 1) ** ZIPF
    drawn = chance.choice(len(known), requests, p=weights / weights.sum())
    # Somewhere within the cell, and never on its border.
    aside = chance.integers(-400, 401, (requests, 2)) / 10_000
    return [
        line(route, known[at], client, float(north), float(east))
        for client, (at, (north, east)) in enumerate(zip(drawn, aside, strict=True))
    ]


def line(route: str, cell: Cell, client: int, north: float = 0.0, east: float = 0.0) -> str:
    return f"{route}?lat={cell.latitude + north:.4f}&lon={cell.longitude + east:.4f}\tphone-{client:06}"


def mixed(route: str, fresh: Sequence[Cell], every: int, seed: int = 3) -> list[str]:
    """Cached requests of which one in `every` is for a fresh cell, each of those once."""
    lines = cached(route, seed)[: len(fresh) * every]
    for number, cell in enumerate(fresh):
        lines[number * every + number % every] = line(route, cell, number)
    return lines


def write(file: Path, lines: Sequence[str]) -> Path:
    file.write_text("\n".join(lines) + "\n")
    return file
