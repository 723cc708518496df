"""The weather model that an answer comes from, and which of its runs."""

from collections.abc import Callable
from typing import NamedTuple

from weather.core.cells import Cell
from weather.core.runs.areas import Areas
from weather.core.runs.run_times import RunTimes


class ModelRun(NamedTuple):
    """A model by Open-Meteo's name and the run's initialisation in unix seconds; each None where it is not known."""

    model: str | None = None
    run: int | None = None


#: Of an answer whose dataset has no areas of models.
UNKNOWN = ModelRun()


def model_run_of(
    areas: Areas | None, times_of: Callable[[str], RunTimes | None], cell: Cell, fetched_at: float
) -> ModelRun:
    """What a record of the cell, fetched then (unix seconds), comes from; `times_of` gives a model's run times.

    The run is None unless it is certain: an answer says nothing rather than name an older run than it has.
    """
    if areas is None:
        return UNKNOWN
    model = areas.model_of(cell).name
    times = times_of(model)
    run = times.run_of(fetched_at) if times is not None and times.knows_run_of(fetched_at) else None
    return ModelRun(model, None if run is None else run.initialised)
