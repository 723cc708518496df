import pytest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from weathernote.telemetry.instance_metrics import answer_rates, total

pytestmark = pytest.mark.pure


def recent_answers(**by_origin: float) -> list[Metric]:
    family = GaugeMetricFamily("weathernote_recent_answers", "", labels=["origin"])
    for origin, number in by_origin.items():
        family.add_metric([origin], number)
    return [family]


def test_a_total_takes_the_wanted_labels_alone():
    collected = recent_answers(found=6, fetched=1, none=2)
    assert total(collected, "weathernote_recent_answers") == 9
    assert total(collected, "weathernote_recent_answers", "origin", ["found", "none"]) == 8
    assert total(collected, "another") == 0


def test_an_answer_that_had_to_be_fetched_or_could_not_be_given_waited_for_open_meteo():
    rates = answer_rates(recent_answers(found=5, memory=1, derived=1, stale=1, fetched=1, none=1))
    assert rates and (rates.hit, rates.without_upstream) == (0.5, 0.8)


def test_without_answers_there_is_no_rate():
    assert answer_rates(recent_answers(found=0)) is None
