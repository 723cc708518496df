"""Open-Meteo's answer as JSON text: a pure function of the call and the time."""

from collections.abc import Callable, Iterable, Mapping

from weather.simulator.call import Asked
from weather.simulator.clock import Clock
from weather.simulator.place import Place
from weather.simulator.synthetic.weather import WeatherRun, usual_run

# Looked up rather than formatted. Negative tenths read the list from its end.
TENTHS = [f"{tenths / 10:.1f}" for tenths in range(12_000)] + [f"{tenths / 10:.1f}" for tenths in range(-1500, 0)]


def place_texts(
    asked: Asked, now: float, generation_ms: float = 0.1, run_of: Callable[[Place], WeatherRun] | None = None
) -> list[str]:
    """One JSON object as text for each place; `run_of` gives a place's model run, by default the usual one of `now`."""
    usual = usual_run(now)
    runs = [run_of(place) if run_of else usual for place in asked.places]
    return [
        _place_text(asked, number, place, now, generation_ms, run)
        for number, (place, run) in enumerate(zip(asked.places, runs, strict=True))
    ]


def joined(texts: list[str]) -> str:
    """The body: an object for one place, an array for several."""
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _place_text(asked: Asked, number: int, place: Place, now: float, generation_ms: float, run: WeatherRun) -> str:
    clock = Clock.at(place, now, zone=asked.zone, days=asked.days, unixtime=asked.unixtime, run=run)
    latitude, longitude = asked.product.grid_point(place)
    parts = [
        f'"latitude":{latitude},"longitude":{longitude},"generationtime_ms":{generation_ms}',
        f'"utc_offset_seconds":{clock.offset},"timezone":"{clock.zone}"',
        f'"timezone_abbreviation":"{clock.abbreviation}","elevation":{place.elevation}.0',
    ]
    if number:
        parts.append(f'"location_id":{number}')
    return f"{{{','.join(parts + asked.product.sections(asked, place, clock))}}}"


def section(name: str, units: Mapping[str, str], columns: Mapping[str, str]) -> str:
    """`"name_units":{…},"name":{…}` with the columns, or single values, that are given as JSON text."""
    unit_texts = ",".join(f'"{column}":"{units[column]}"' for column in columns)
    values = ",".join(f'"{column}":{text}' for column, text in columns.items())
    return f'"{name}_units":{{{unit_texts}}},"{name}":{{{values}}}'


def array(texts: Iterable[str]) -> str:
    """A JSON array of values that are JSON text."""
    return f"[{','.join(texts)}]"
