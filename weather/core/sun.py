"""When the sun is up at a position.

All times are whole unix minutes: sunrise is the first minute with the sun up, sunset the first with it down, so that
sunrise, sunset and `is_day` never contradict each other. No calendar is involved, so neither the antimeridian nor a
clock far from solar time can move a sunset to another day. The sun's declination and the equation of time are those of
astral, which follows NOAA's solar calculator.
"""

from bisect import bisect_left
from functools import lru_cache
from math import acos, asin, ceil, cos, floor, pi, radians, sin, sqrt

from astral.julian import julianday_to_juliancentury
from astral.sun import eq_of_time, sun_declination

_DAY_MINUTES = 1440
_HALF_TURN_MINUTES = 720
_RADIANS_PER_MINUTE = 2 * pi / _DAY_MINUTES
_JULIAN_DAY_OF_1970 = 2440587.5

# The sun's radius and the bending of light at the horizon: 50 arc minutes by convention.
_SIN_HORIZON = sin(radians(-0.833))


class Sun:
    """The sun as seen from a position in degrees: the model's grid point, which moves a sunset by about a minute."""

    __slots__ = ("_cos_latitude", "_longitude", "_sin_latitude")

    def __init__(self, latitude: float, longitude: float) -> None:
        self._sin_latitude = sin(radians(latitude))
        self._cos_latitude = cos(radians(latitude))
        self._longitude = radians(longitude)

    def is_up(self, minute: int) -> bool:
        """Whether the sun's centre is higher than -0.833° at a unix minute."""
        day, minute_of_day = divmod(minute, _DAY_MINUTES)
        sin_declination, sin_declination_step, equation, equation_step = _almanac(day)
        passed = minute_of_day / _DAY_MINUTES
        sin_declination += passed * sin_declination_step
        # An hour angle counts from noon, this one from midnight: hence the minus before its cosine.
        angle = minute_of_day * _RADIANS_PER_MINUTE + self._longitude + equation + passed * equation_step
        cos_declination = sqrt(1 - sin_declination * sin_declination)
        sin_altitude = self._sin_latitude * sin_declination - self._cos_latitude * cos_declination * cos(angle)
        return sin_altitude > _SIN_HORIZON

    def rise_and_set(self, start: int, end: int) -> tuple[int | None, int | None]:
        """The unix minutes of the first sunrise and the last sunset from `start` to before `end`; None for neither.

        Where the midnight sun is about to begin, one date can have two sunsets: that of the day before just after
        midnight, and its own just before the next. So the last one is taken.
        """
        first_rise: int | None = None
        last_set: int | None = None
        before = start - 1  # A change at `start` itself shows only against the minute before it.
        was_up = self.is_up(before)
        for minute in (*self._turns(start, end), end - 1):
            is_up = self.is_up(minute)
            if is_up and not was_up and first_rise is None:
                first_rise = self._first(before + 1, minute, is_up)
            elif was_up and not is_up:
                last_set = self._first(before + 1, minute, is_up)
            before, was_up = minute, is_up
        return first_rise, last_set

    def around_noon(self, start: int) -> tuple[int | None, int | None, float]:
        """The unix minutes of sunrise and sunset around the first noon from `start` on, and the seconds between them.

        A day counted from noon to noon has one of each, whatever the clock shows then. In polar day and night there is
        neither; the seconds are those of a day or 0. They are worked out for the sun's declination at noon, which is
        how Open-Meteo does it (calculateDaylightDuration in its public source).
        """
        noon = self._noon(start)
        rise, set_ = self.rise_and_set(noon - _HALF_TURN_MINUTES, noon + _HALF_TURN_MINUTES)
        day, minute_of_day = divmod(noon, _DAY_MINUTES)
        sin_declination, step, _, _ = _almanac(day)
        sin_declination += minute_of_day / _DAY_MINUTES * step
        height = _SIN_HORIZON - self._sin_latitude * sin_declination
        shade = self._cos_latitude * sqrt(1 - sin_declination * sin_declination)
        half_turn = acos(max(-1.0, min(1.0, height / shade))) if shade else (pi if height < 0 else 0.0)
        return rise, set_, half_turn / pi * _DAY_MINUTES * 60

    def _noon(self, start: int) -> int:
        """The first unix minute from `start` on at which the sun is highest."""
        _, _, equation, _ = _almanac(start // _DAY_MINUTES)
        ahead = (self._longitude + equation) / _RADIANS_PER_MINUTE
        return start + floor((_HALF_TURN_MINUTES - ahead - start) % _DAY_MINUTES)

    def _turns(self, start: int, end: int) -> list[int]:
        """The unix minutes from `start` to before `end` at which the sun begins to rise or sink: noons and midnights.

        The sun's drift north or south makes them early or late: by seconds nearly everywhere, by hours within a degree
        of a pole, where at last only the drift is left and there are none.
        """
        sin_declination, drift, equation, _ = _almanac(start // _DAY_MINUTES)
        turning = 2 * pi * self._cos_latitude * sqrt(1 - sin_declination * sin_declination)
        if abs(self._sin_latitude * drift) >= turning:
            return []
        delay = asin(self._sin_latitude * drift / turning) / _RADIANS_PER_MINUTE
        ahead = (self._longitude + equation) / _RADIANS_PER_MINUTE
        halves = range(floor((start + ahead) / _HALF_TURN_MINUTES), ceil((end + ahead) / _HALF_TURN_MINUTES) + 1)
        turns = [floor(half * _HALF_TURN_MINUTES - ahead + (delay if half % 2 else -delay)) for half in halves]
        return [turn for turn in turns if start <= turn < end]

    def _first(self, start: int, end: int, is_up: bool) -> int:
        return start + bisect_left(range(start, end), True, key=lambda minute: self.is_up(minute) == is_up)


@lru_cache(maxsize=64)
def _almanac(day: int) -> tuple[float, float, float, float]:
    """For a day counted from 1970, at 00:00 UTC: the sine of the sun's declination, its change until the next day, the
    equation of time in radians, and its change.

    They are the same for every position. Linear interpolation within a day moves the sun by 0.001° at most.
    """
    (sin_declination, equation), (next_sin_declination, next_equation) = _position(day), _position(day + 1)
    return sin_declination, next_sin_declination - sin_declination, equation, next_equation - equation


def _position(day: int) -> tuple[float, float]:
    century = julianday_to_juliancentury(_JULIAN_DAY_OF_1970 + day)
    return sin(radians(sun_declination(century))), eq_of_time(century) * _RADIANS_PER_MINUTE
