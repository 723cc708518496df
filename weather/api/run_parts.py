"""The parts of the service that follow model runs, of one dataset whose models are known; made from the settings."""

from dataclasses import dataclass
from functools import partial
from typing import Self

from django.conf import settings

from weather.budget.popularity import Popularity
from weather.budget.run_census import RunCensus
from weather.core.datasets import Dataset
from weather.core.runs.areas import Areas
from weather.fetching.run_poller import RunPoller
from weather.runs.evidence import Evidence
from weather.runs.held_times import HeldTimes
from weather.runs.known import KnownRuns
from weather.runs.local_hours import LocalHours
from weather.runs.table import RunTable
from weather.upstream.run_times_client import RunTimesClient

#: The poller follows the models of so many popular cells.
MOST_CELLS_FOR_MODELS = 2_000


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a process knows of runs, the cells that follow them, and what keeps the run times current."""

    known: KnownRuns
    census: RunCensus
    poller: RunPoller

    @classmethod
    def of(cls, dataset: Dataset, popularity: Popularity, hours: LocalHours) -> Self:
        """The parts for a dataset; raises ValueError for one without models."""
        areas = dataset.areas
        if areas is None:
            raise ValueError(f"the models of {dataset.name} are not known")
        table = RunTable(areas.models)
        known = KnownRuns(areas, table, hours, Evidence(areas, table))
        client = RunTimesClient(settings.OPEN_METEO_RUNS_URL, timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS)
        poller = RunPoller(client, table, partial(_popular_models, areas, popularity))
        held = HeldTimes(dataset.name, settings.HOLD_SECONDS)
        return cls(known, RunCensus(known, popularity, held), poller)


def _popular_models(areas: Areas, popularity: Popularity) -> set[str]:
    """The models of the most popular cells; none without Redis."""
    return {areas.model_of(cell).name for cell in popularity.most_popular(MOST_CELLS_FOR_MODELS)}
