import pytest

from prewarm.cities.formatting import format_count, format_duration, format_rate, format_run_time

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3900, "1 h 05 min"), (1e5, "1 d 3 h")],
)
def test_a_duration_is_given_in_two_units_at_most(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (0.04, "0.0 s"), (4.25, "4.2 s"), (125.3, "2 min 05 s")])
def test_a_run_time_is_exact_below_a_minute(seconds, text):
    assert format_run_time(seconds) == text


@pytest.mark.parametrize(
    ("per_hour", "text"), [(None, "–"), (0, "–"), (0.04, "–"), (0.05, "0.1"), (9.94, "9.9"), (1234.5, "1,234")]
)
def test_a_rate_has_a_decimal_below_ten(per_hour, text):
    assert format_rate(per_hour) == text


def test_a_single_one_has_no_plural():
    assert [format_count(number, "call") for number in (0, 1, 2, 2000)] == [
        "0 calls",
        "1 call",
        "2 calls",
        "2,000 calls",
    ]
