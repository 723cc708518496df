"""The IANA time zones that this machine knows, by name.

Names come from Open-Meteo and out of Redis, where another release with other zone data may have written them.
"""

import math
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

_HOUR_SECONDS = 3600
#: Files of zone data whose names are not time zones.
_NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})
#: Folders with all zones once more, as they are and with leap seconds.
_COPIES = ("posix/", "right/")
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


class UnknownZone(ValueError):
    """The text names no time zone that this machine has data of."""


# zoneinfo caches only eight; reading a zone from its file takes half as long as deriving a forecast.
@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises UnknownZone for any other text."""
    if not _NAME.fullmatch(name) or name in _NOT_ZONES or name.startswith(_COPIES):
        raise UnknownZone("the text is no name of a time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, a file that is no zone, a folder
        raise UnknownZone("this machine knows no such time zone") from None


def is_known(name: str) -> bool:
    """Whether `name` is an IANA time zone that this machine has data of.

    A failure is not remembered: too many open files may have caused it.
    """
    try:
        zone_of(name)
    except UnknownZone:
        return False
    return True


def label_error_seconds(utc_offset_seconds: int) -> int:
    """By how many seconds the hours and the `current` of an answer are later than their labels.

    Open-Meteo labels by the zone's exact offset from UTC, and takes values at the offset rounded toward zero to full
    hours (getTimerange2 in its public source): 1,800 in India, 2,700 in Nepal, -1,800 in Newfoundland, 0 in most zones.
    """
    return utc_offset_seconds - math.trunc(utc_offset_seconds / _HOUR_SECONDS) * _HOUR_SECONDS
