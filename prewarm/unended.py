"""Rows about work that may still go on, or that was killed before it could write its end."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone as clock

#: Nothing goes on for so long: whatever has no end then was killed.
_LONGEST = timedelta(minutes=15)


#: What is said of it until then and from then on.
UNENDED = ("running", "not ended")


def in_words(started: datetime) -> str:
    return UNENDED[clock.now() - started >= _LONGEST]


def unended_as(words: str) -> models.Q:
    """Of the rows without an end those of which this is said."""
    is_late = models.Q(started__lte=clock.now() - _LONGEST)
    return is_late if words == UNENDED[1] else ~is_late
