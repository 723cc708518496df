"""The metrics of all workers of this instance together, and the rates computed from them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from weathernote.telemetry.origin import ORIGINS


def collect() -> list[Metric]:
    """The metrics of all workers of this instance if METRICS_FOLDER is set, else of this process."""
    folder = settings.METRICS_FOLDER
    if not folder:
        return list(REGISTRY.collect())
    _remove_dead_workers(Path(folder))
    return list(MultiProcessCollector(None, folder).collect())


def _remove_dead_workers(folder: Path) -> None:
    """Removes the gauges of workers that have ended; their counters stay part of the sum."""
    for number in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*_*.db")}:
        if number.isdecimal():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                with suppress(OSError):  # another worker has just removed it
                    mark_process_dead(int(number), str(folder))
            except PermissionError:
                pass  # another user's process has the number by now


def total(collected: Iterable[Metric], name: str, label: str = "", values: Iterable[str] = ()) -> float:
    """The sum of the samples called `name`; with `label`, of those where that label has one of `values`."""
    samples = (sample for metric in collected for sample in metric.samples if sample.name == name)
    return sum(sample.value for sample in samples if not label or sample.labels[label] in values)


@dataclass(frozen=True, slots=True)
class AnswerRates:
    """Shares (0 to 1) of the answers of the last five minutes."""

    #: Found under their key in Redis.
    hit: float
    #: Given without waiting for Open-Meteo.
    without_upstream: float


def answer_rates(collected: Iterable[Metric]) -> AnswerRates | None:
    """The rates of this instance; None if it had no answers in the last five minutes."""
    found, fetched, none, answers = (
        total(collected, "weathernote_recent_answers", "origin", origins)
        for origins in (["found"], ["fetched"], ["none"], ORIGINS)
    )
    if not answers:
        return None
    return AnswerRates(hit=found / answers, without_upstream=1 - (fetched + none) / answers)
