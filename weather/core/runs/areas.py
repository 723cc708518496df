"""Which weather model Open-Meteo's answer for a cell comes from, by the table in a data file beside this module.

The table is that of `best_match` for the first two days. It follows Open-Meteo's source, which changes: what refreshes
really bring corrects it (weather/core/runs/evidence.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from weather.core.cells import Cell
from weather.core.runs.regions import Box, Lambert, Point, ProjectedBox, Triangle

#: How many cells' models are remembered: a process is asked again and again for the same cells.
_MOST_REMEMBERED = 16_384


@dataclass(frozen=True, slots=True)
class Model:
    """A weather model, by Open-Meteo's name of it, and the seconds from one of its runs to the next."""

    name: str
    interval_seconds: int


@dataclass(frozen=True, slots=True)
class Area:
    """Where a model answers: in a box, in its projected grid too if it has one, and not in a triangle left out."""

    model: Model
    box: Box
    grid: ProjectedBox | None = None
    without: Triangle | None = None

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a position in degrees lies in it."""
        if not self.box.has(latitude, longitude):
            return False
        if self.grid is not None and not self.grid.has(latitude, longitude):
            return False
        return self.without is None or not self.without.has(latitude, longitude)


class Areas:
    """The areas in the order in which Open-Meteo tries them; the last one is the whole globe."""

    def __init__(self, areas: tuple[Area, ...]) -> None:
        if not areas or areas[-1] != Area(areas[-1].model, Box()):
            raise ValueError("the last area must be the whole globe: each cell has a model")
        self.areas = areas
        #: Name → model, in the order of the areas.
        self.models: Mapping[str, Model] = {area.model.name: area.model for area in areas}
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._found)

    def model_of(self, cell: Cell) -> Model:
        """The model of the first area that the cell's centre lies in."""
        return self._remembered(cell.tenths_lat, cell.tenths_lon)

    def _found(self, tenths_lat: int, tenths_lon: int) -> Model:
        latitude, longitude = tenths_lat / 10, tenths_lon / 10
        return next(area.model for area in self.areas if area.has(latitude, longitude))


def load(name: str) -> Areas:
    """The areas of a data file in this folder, such as `weather.json`.

    Raises KeyError for a model that the file does not describe, and ValueError if its last area is not the whole globe.
    """
    table = json.loads((Path(__file__).parent / name).read_text())
    models = {model: Model(model, given["interval_seconds"]) for model, given in table["models"].items()}
    return Areas(tuple(_area(given, models) for given in table["areas"]))


def _area(given: Mapping[str, Any], models: Mapping[str, Model]) -> Area:
    grid, without = given.get("grid"), given.get("without")
    return Area(
        models[given["model"]],
        Box(**given.get("box", {})),
        grid and _grid(grid),
        without and Triangle(*(Point(*corner) for corner in without)),
    )


def _grid(given: Mapping[str, Any]) -> ProjectedBox:
    projection = Lambert(given["central_meridian"], given["standard_parallel"])
    return ProjectedBox.between(projection, Point(*given["south_west"]), Point(*given["north_east"]))
