"""Errors in Open-Meteo's shape, `{"error": true, "reason": "…"}`, with the status and headers of the API's own."""

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.exceptions import Throttled

from weather.api.not_fetched import NothingHere
from weathernote.http import problems
from weathernote.http.problems import Problem

CONTENT_TYPE = "application/json; charset=utf-8"
MINUTE_SECONDS = 60
#: Open-Meteo's own words, which clients may look for.
MINUTELY = "Minutely API request limit exceeded. Please try again in one minute."
OVERLOADED = "The service is overloaded"
NO_DATA = "No data is available for this location"


def from_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler: as problems.from_exception, with another body."""
    response = problems.from_exception(exception, context)
    response.content = json.dumps({"error": True, "reason": _reason(exception, response)}, ensure_ascii=False).encode()
    response["Content-Type"] = CONTENT_TYPE
    return response


def worst_of(problems_: Sequence[Problem]) -> Problem:
    """What a call is refused with for the problems about its places, which one array would answer for all."""
    if any(isinstance(problem, NothingHere) for problem in problems_):
        # Another attempt would be refused too, so it is 400, as at Open-Meteo, and says nothing of when to come again.
        return Problem("invalid_parameter", NO_DATA)
    return max(problems_, key=lambda problem: problem.retry_after_seconds or 0)


def _reason(exception: Exception, response: HttpResponse) -> str:
    if isinstance(exception, Throttled) and settings.RATE_LIMIT_WINDOW_SECONDS == MINUTE_SECONDS:
        return MINUTELY
    problem = json.loads(response.content)
    return OVERLOADED if problem["code"] == "overloaded" else str(problem["detail"])
