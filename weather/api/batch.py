"""The body of a call about several places, and what such a call is refused with."""

from collections.abc import Iterable

from weather.api.misses import Outcome
from weathernote.http.problems import Problem

_OPENING, _CLOSING = b'{"places":[', b"]}"


def envelope(texts: Iterable[bytes]) -> bytes:
    """The body, of the very texts that single calls about the places would have got."""
    return b"%s%s%s" % (_OPENING, b",".join(texts), _CLOSING)


def soonest(outcomes: Iterable[Outcome]) -> Problem:
    """The problem of the place that may be asked for again first, for a call of which no place could be answered."""
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    return min(problems, key=lambda problem: problem.retry_after_seconds or 0)
