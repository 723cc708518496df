"""What this instance counted, for the dashboard; each other instance has counts of its own."""

from dataclasses import dataclass

from weathernote.telemetry import instance_metrics, request_events
from weathernote.telemetry.instance_metrics import AnswerRates, answer_rates, total


@dataclass(frozen=True, slots=True)
class InstanceCounts:
    """`rates` covers the last five minutes, None without a request; all else counts from the instance's start.

    `forecasts` are the answers of /weather and /forecast, and `mean_age_seconds` is theirs: records of air quality are
    refreshed a few times a day, and would hide how old forecasts are.
    """

    rates: AnswerRates | None
    refused: int
    forecasts: int
    mean_age_seconds: float | None


def read() -> InstanceCounts:
    """The counts of all workers of this instance together."""
    request_events.count()
    collected = instance_metrics.collect()
    forecasts = total(collected, "weathernote_forecast_age_seconds_count")
    ages = total(collected, "weathernote_forecast_age_seconds_sum")
    return InstanceCounts(
        rates=answer_rates(collected),
        refused=int(total(collected, "weathernote_rate_limit_exceeded_total")),
        forecasts=int(forecasts),
        mean_age_seconds=ages / forecasts if forecasts else None,
    )
