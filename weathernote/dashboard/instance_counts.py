"""What this instance counted since it started, for the dashboard: other instances have numbers of their own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from weathernote.telemetry import request_events
from weathernote.telemetry.origin import ORIGINS


@dataclass(frozen=True, slots=True)
class Counted:
    """Rates are those of the last five minutes, None where nobody asked; the rest is since the start."""

    hit_rate: float | None
    without_upstream: float | None
    refused: int
    answers: int
    mean_age_seconds: float | None


def counted() -> Counted:
    """Of all workers of this instance together."""
    request_events.count()
    samples = list(_samples())
    origins = {origin: _total(samples, "weathernote_recent_answers", origin=origin) for origin in ORIGINS}
    recent = sum(origins.values())
    answers = _total(samples, "weathernote_forecast_age_seconds_count")
    ages = _total(samples, "weathernote_forecast_age_seconds_sum")
    return Counted(
        hit_rate=origins["found"] / recent if recent else None,
        without_upstream=1 - (origins["fetched"] + origins["none"]) / recent if recent else None,
        refused=int(_total(samples, "weathernote_rate_limit_exceeded_total")),
        answers=int(answers),
        mean_age_seconds=ages / answers if answers else None,
    )


def _samples() -> Iterator[Sample]:
    folder = settings.METRICS_FOLDER
    families: Iterable[Metric] = MultiProcessCollector(None, folder).collect() if folder else REGISTRY.collect()
    return (sample for family in families for sample in family.samples)


def _total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(sample.value for sample in samples if sample.name == name and wanted <= sample.labels.items())
