"""The simulator's own sunrise and sunset, by another formula than the service's, so that one checks the other."""

import math

from weather.simulator.place import DAY_SECONDS, Place

_J2000 = 946_728_000


def sunrise_and_sunset(place: Place, noon: float) -> tuple[int, int] | None:
    """Seconds UTC, to the minute, of the solar day around the local `noon`; None in polar day and night."""
    declination, equation_seconds = _sun(noon)
    # A zone may lie half a day off its sun, so the transit may be on either side of the local noon.
    solar = noon + place.longitude * 240 + equation_seconds
    transit = noon - (solar % DAY_SECONDS - DAY_SECONDS / 2)
    half_day = _half_day(place, declination)
    if half_day is None:
        return None
    # Once more with the declination of that hour: it changes by a tenth of a degree until the evening.
    half_days = [_half_day(place, _sun(transit + side * half_day)[0]) or half_day for side in (-1, 1)]
    return int((transit - half_days[0]) // 60 * 60), int((transit + half_days[1]) // 60 * 60)


def _half_day(place: Place, declination: float) -> float | None:
    """Seconds from sunrise, seen through the air, to noon: the sunrise equation."""
    lat = math.radians(place.latitude)
    height = math.sin(math.radians(-0.833)) - math.sin(lat) * math.sin(declination)
    shade = math.cos(lat) * math.cos(declination)
    return math.acos(height / shade) / (2 * math.pi) * DAY_SECONDS if abs(height) < shade else None


def _sun(at: float) -> tuple[float, float]:
    """Declination in radians and the equation of time in seconds, by the Astronomical Almanac's short formula."""
    days = (at - _J2000) / DAY_SECONDS
    mean_longitude, anomaly = 280.46 + 0.9856474 * days, math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.02 * math.sin(2 * anomaly))
    tilt = math.radians(23.439)
    ascension = math.degrees(math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude)))
    equation_degrees = (mean_longitude - ascension + 180) % 360 - 180
    return math.asin(math.sin(tilt) * math.sin(longitude)), equation_degrees * 240
