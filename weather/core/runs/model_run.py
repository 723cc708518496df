"""The weather model that an answer comes from, and which of its runs; pure."""

from typing import NamedTuple

from weather.core.runs.run_times import RunTimes


class ModelRun(NamedTuple):
    """A model by Open-Meteo's name and the run's initialisation in unix seconds; each None where it is not known."""

    model: str | None = None
    run: int | None = None

    @classmethod
    def of(cls, model: str, times: RunTimes | None, fetched_at: float) -> "ModelRun":
        """What a record fetched then (unix seconds) comes from, given the model and its run times.

        The run is None unless it is certain: an answer says nothing rather than name an older run than it has.
        """
        run = times.run_of(fetched_at) if times is not None and times.knows_run_of(fetched_at) else None
        return cls(model, None if run is None else run.initialised)


#: Of a dataset whose models are not known, and of a cell of which the table of models is wrong.
UNKNOWN = ModelRun()
