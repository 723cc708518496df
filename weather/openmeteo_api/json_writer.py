"""Writes an answer as Open-Meteo's JSON: its keys in its order, numbers with the decimals of their unit."""

import json
from collections.abc import Sequence

from weather.openmeteo_api.answer import Answer, Column, Section
from weather.openmeteo_api.clock import Clock, abbreviation, labels


def text_of(answer: Answer, number: int, *, unixtime: bool, generation_ms: float) -> bytes:
    """The JSON object about the place of this number among those asked for, in UTF-8."""
    series, clock = answer.series, answer.clock
    offset = clock.utc_offset_seconds
    parts = [
        f'"latitude":{float(series.latitude)},"longitude":{float(series.longitude)}',
        f'"generationtime_ms":{generation_ms},"utc_offset_seconds":{offset},"timezone":{json.dumps(clock.name)}',
        f'"timezone_abbreviation":"{abbreviation(offset)}"',
    ]
    if series.elevation is not None:
        parts.append(f'"elevation":{float(series.elevation)}')
    if number:
        parts.append(f'"location_id":{number}')
    parts += [_section(section, clock, unixtime) for section in answer.sections]
    return f"{{{','.join(parts)}}}".encode()


def joined(texts: Sequence[bytes]) -> bytes:
    """The body: an object for one place, an array for several."""
    return texts[0] if len(texts) == 1 else b"[%s]" % b",".join(texts)


def _section(section: Section, clock: Clock, unixtime: bool) -> str:
    time_unit = "unixtime" if unixtime else "iso8601"
    units, values = [f'"time":"{time_unit}"'], [f'"time":{_times(section, clock, unixtime)}']
    if section.name == "current":
        units.append('"interval":"seconds"')
        values.append(f'"interval":{section.interval}')
    # An object has a key once, whatever was asked for twice; messages are read by number and keep both.
    for column in {column.name: column for column in section.columns}.values():
        units.append(f'"{column.name}":"{column.unit}"')
        texts = _moments(column, clock, unixtime) if column.is_time else numbers(column.values, column.decimals)
        values.append(f'"{column.name}":{texts}' if section.name == "current" else f'"{column.name}":[{texts}]')
    return f'"{section.name}_units":{{{",".join(units)}}},"{section.name}":{{{",".join(values)}}}'


def _times(section: Section, clock: Clock, unixtime: bool) -> str:
    texts = _labels(section.times, clock, unixtime, dates=section.name == "daily")
    return texts if section.name == "current" else f"[{texts}]"


def _moments(column: Column, clock: Clock, unixtime: bool) -> str:
    return _labels(tuple(int(value or 0) for value in column.values), clock, unixtime, dates=False)


def _labels(times: Sequence[int], clock: Clock, unixtime: bool, *, dates: bool) -> str:
    if unixtime:
        return ",".join(map(str, times))
    return ",".join(f'"{label}"' for label in labels(clock.name, times, dates=dates))


def numbers(values: Sequence[float | None], decimals: int) -> str:
    """The values with so many decimals, null for None, separated by commas."""
    negative_zero = f"{-0.0:.{decimals}f},"
    if None in values:
        text = "".join("null," if value is None else f"{value:.{decimals}f}," for value in values)
    else:
        # One formatting of all takes a third of the time of one for each.
        text = (f"%.{decimals}f," * len(values)) % tuple(values)
    return text.replace(negative_zero, negative_zero[1:])[:-1]
