"""The weather model that an answer comes from, and which of its runs."""

from typing import NamedTuple


class ModelRun(NamedTuple):
    """A model by Open-Meteo's name and the run's initialisation in unix seconds; each None where it is not known."""

    model: str | None = None
    run: int | None = None


#: Of an answer whose dataset has no areas of models, or whose model's runs are not known.
UNKNOWN = ModelRun()
