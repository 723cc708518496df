"""The IANA time zones that this machine knows, by name.

Names come from Open-Meteo and out of Redis, where another release with other zone data may have written them.
"""

import math
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

_HOUR_SECONDS = 3600
#: Names that machines have files for and no place has.
_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


class UnknownZone(ValueError):
    """The text names no time zone that this machine has data of."""


# zoneinfo itself remembers eight; to read a zone from its file again costs as much as half a forecast.
@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; UnknownZone for any other text."""
    if not _NAME.fullmatch(name) or name in _NO_PLACES:
        raise UnknownZone("the text is no name of a time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, a file that is no zone, a folder
        raise UnknownZone("this machine knows no such time zone") from None


def is_known(name: str) -> bool:
    """Whether `zone_of` has the zone. A failure is not remembered: it may have been for too many open files."""
    try:
        zone_of(name)
    except UnknownZone:
        return False
    return True


def label_error_seconds(utc_offset_seconds: int) -> int:
    """By how many seconds an answer's hours, and its `current`, are later than Open-Meteo labels them.

    It labels by the zone's exact offset from UTC and takes values at the offset rounded toward zero to whole hours
    (getTimerange2 in its public source): 1,800 in India, 2,700 in Nepal, -1,800 in Newfoundland, 0 in most zones.
    """
    return utc_offset_seconds - math.trunc(utc_offset_seconds / _HOUR_SECONDS) * _HOUR_SECONDS
