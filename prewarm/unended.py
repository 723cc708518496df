"""Rows without an end: their work still goes on, or it was killed before it could save one."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone as clock

#: No work takes so long: a row without an end that is older belongs to work that was killed.
_LONGEST = timedelta(minutes=15)

RUNNING, KILLED = UNENDED = ("running", "not ended")


def in_words(started: datetime) -> str:
    """`RUNNING` or `KILLED`, for a row without an end."""
    return KILLED if clock.now() - started >= _LONGEST else RUNNING


def unended_as(words: str) -> models.Q:
    """Selects the rows for which `in_words` gives `words`, among those without an end."""
    is_old = models.Q(started__lte=clock.now() - _LONGEST)
    return is_old if words == KILLED else ~is_old
