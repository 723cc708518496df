import pytest

from prewarm.runs.outcome import NO_REDIS, RefreshOutcome

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("outcome", "text", "is_complete"),
    [
        (RefreshOutcome(2, 2, 1), "2 of 2 cells refreshed in 1 call.", True),
        (RefreshOutcome(40, 40, 2), "40 of 40 cells refreshed in 2 calls.", True),
        (RefreshOutcome(1, 2, 1, ("Berlin",)), "1 of 2 cells refreshed in 1 call; 1 failed: Berlin.", False),
        (RefreshOutcome(0, 2, 0), "0 of 2 cells refreshed in 0 calls.", False),
        (RefreshOutcome(2, 2, 1, (), ("budget: day",)), "2 of 2 cells refreshed in 1 call; budget: day.", False),
        (RefreshOutcome(1, 2, 1, is_redis_down=True), f"{NO_REDIS}.", False),
    ],
)
def test_an_outcome_is_told_in_one_sentence(outcome, text, is_complete):
    assert (outcome.text, outcome.is_complete) == (text, is_complete)
