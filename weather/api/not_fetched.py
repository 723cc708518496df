"""The problems that a client is shown for cells that were not fetched."""

from weather.fetching.admission import NotFetched, Reason
from weathernote.http.headers import rate_limit_headers
from weathernote.http.problems import Problem

_UNAVAILABLE: dict[Reason, str] = {
    "rejected": "Open-Meteo has nothing about this place.",
    "paused": "Open-Meteo cannot be asked for a while.",
    "late": "Open-Meteo did not answer in time.",
    "failed": "Open-Meteo cannot be reached, or does not answer as it should.",
}


class NothingHere(Problem):
    """Open-Meteo has nothing about a place, so that to come again soon is of little use."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("upstream_unavailable", _UNAVAILABLE["rejected"], retry_after_seconds=retry_after_seconds)


def problem_of(refused: NotFetched) -> Problem:
    """The problem (429 or 503) that says why there is no answer about a cell, with when to come again."""
    seconds = refused.retry_after_seconds
    if refused.exceeded is not None:
        limit = refused.exceeded
        policy = rate_limit_headers.policy(limit.limit, limit.quota, limit.window_seconds)
        detail = f"Too many new places; come again in {seconds} s."
        return Problem("rate_limited", detail, retry_after_seconds=seconds, policy=policy)
    if refused.reason == "budget":
        detail = f"This {refused.window}'s calls to Open-Meteo are spent."
        return Problem("budget_exhausted", detail, retry_after_seconds=seconds)
    if refused.reason == "overloaded":
        return Problem("overloaded", "Too many requests wait for new places.", retry_after_seconds=seconds)
    if refused.reason == "rejected":
        return NothingHere(seconds)
    return Problem("upstream_unavailable", _UNAVAILABLE[refused.reason], retry_after_seconds=seconds)
