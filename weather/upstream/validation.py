"""Reads the body of an answer of Open-Meteo into a checked series for each cell: bad data is never stored or shown.

A location is the part of an answer about one of the cells that were asked for.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

from weather.core import zones
from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weather.core.records import packing
from weather.core.series import Series
from weather.core.variables import HOUR_SECONDS, Variable
from weather.core.windows import CLOCK_SLACK_SECONDS
from weather.upstream import answer_json
from weather.upstream.errors import InvalidResponse, NoWeatherHere, UnreadableHere, UpstreamError
from weathernote import threads

#: What Open-Meteo is asked to answer in; errors are JSON in any case.
AnswerFormat = Literal["json", "flatbuffers"]

DAY_SECONDS = 24 * HOUR_SECONDS
OLDEST_START_SECONDS = 2 * DAY_SECONDS


def read_answer(
    body: bytes | bytearray,
    cells: Sequence[Cell],
    now: float,
    source: str,
    dataset: Dataset,
    answer_format: AnswerFormat = "json",
) -> dict[Cell, Series | UpstreamError]:
    """Cell → its series of the dataset's variables, for the distinct `cells` in the order of the query.

    The body is in the `answer_format`. A cell whose location is invalid has a NoWeatherHere instead. `now`, in unix
    seconds, is when the answer came. Raises InvalidResponse if the body is not an answer about these cells.
    """
    if answer_format == "json":
        locations = read_documents(body, len(cells))
    else:
        locations = _read_messages(body, len(cells), dataset)
    answered = zip(cells, locations, strict=True)
    return {cell: _series_or_error(location, cell, now, source, dataset) for cell, location in answered}


def read_documents(body: bytes | bytearray, count: int) -> list[Any]:
    """The parsed JSON of the `count` locations of an answer, each unchecked.

    Raises InvalidResponse for what is not JSON, an error document, or another number of locations.
    """
    return _locations(_parsed(body), count)


def _read_messages(body: bytes | bytearray, count: int, dataset: Dataset) -> list[Any]:
    from weather.upstream import answer_flatbuffers  # not before it is asked for: it takes 2 MB

    try:
        messages = answer_flatbuffers.locations(body, dataset.asked, count)
    except answer_flatbuffers.TooMany as error:
        raise InvalidResponse(str(error)) from None
    except answer_flatbuffers.NoMessage:
        raise InvalidResponse("the answer is not FlatBuffers") from None
    if len(messages) != count:
        raise InvalidResponse(f"{len(messages)} locations instead of {count}")
    return messages


def read_reason(body: bytes | bytearray) -> str | None:
    """The `reason` in a body of Open-Meteo's form of an error; None for any other body."""
    try:
        return _reason(_parsed(body))
    except InvalidResponse:
        return None


def _parsed(body: bytes | bytearray) -> Any:
    try:
        return answer_json.parsed(body)
    except (ValueError, RecursionError):  # bad UTF-8, bad JSON, an integer of 5,000 digits, 100,000 brackets
        raise InvalidResponse("the answer is not JSON") from None


def _reason(answer: Any) -> str | None:
    if not isinstance(answer, dict) or not answer.get("error"):
        return None
    reason = answer.get("reason")
    return reason if isinstance(reason, str) else "no reason given"


def _locations(answer: Any, count: int) -> list[Any]:
    """Open-Meteo writes one location as an object and several as an array."""
    if _reason(answer) is not None:
        raise InvalidResponse("the answer is an error under the status of a success")
    if count == 1:
        return [answer]
    if not isinstance(answer, list):
        raise InvalidResponse(f"one location instead of {count}")
    if len(answer) != count:
        raise InvalidResponse(f"{len(answer)} locations instead of {count}")
    return answer


def _series_or_error(location: Any, cell: Cell, now: float, source: str, dataset: Dataset) -> Series | UpstreamError:
    threads.give_way()
    try:
        return read_location(location, cell, now, source, dataset)
    except UnreadableHere as error:
        return error.with_traceback(None)
    except InvalidResponse as error:
        return NoWeatherHere(str(error))


def read_location(location: Any, cell: Cell, now: float, source: str, dataset: Dataset) -> Series:
    """The series of the dataset's variables in one location's parsed JSON; `now`, in unix seconds, is when it came.

    Raises InvalidResponse, whose text names the first fault.
    """
    if not isinstance(location, dict):
        raise InvalidResponse("a location cannot be read")
    # A grid that goes around the globe has points such as 180.1 and -180.02.
    latitude, longitude = _number(location, "latitude", 90), _in_range(_number(location, "longitude", 360))
    if not cell.is_near(latitude, longitude):
        raise InvalidResponse("the answer is about a location far away")
    hourly, units = location.get("hourly"), location.get("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        raise InvalidResponse("a location without hourly values")
    if units.get("time") != "unixtime":
        raise InvalidResponse("the hours are not in unixtime")
    first_label, rows = _hours(hourly.get("time"), now, dataset)
    start = _true_start(first_label, location.get("utc_offset_seconds"))
    columns = {variable.name: _column(variable, hourly, units, rows) for variable in dataset.asked}
    # Others come with as many decimals as a record keeps; extra ones may come with more.
    columns |= {variable.name: _as_held(columns[variable.name], variable.decimals) for variable in dataset.extras}
    columns |= {
        name: _as_held(column, 0) for name, column in columns.items() if packing.is_kept_whole(name, column, dataset)
    }
    _check_no_gap(columns, start, now, dataset)
    return Series(
        latitude=latitude,
        longitude=longitude,
        elevation=_elevation(location.get("elevation")),
        timezone=_timezone(location.get("timezone")),
        start=start,
        columns=columns,
        fetched_at=int(now),
        source=source,
    )


def _number(location: dict[str, Any], name: str, limit: int) -> float:
    value: Any = location.get(name)
    # Compared, not converted: NaN is outside of every range, and an integer of 400 digits is no float.
    if type(value) not in (int, float) or not -limit <= value <= limit:
        raise InvalidResponse(f"a location without a {name} on Earth")
    return float(value)


def _in_range(longitude: float) -> float:
    """A longitude in degrees as that of the same meridian from -180 to below 180, with no more decimals."""
    return longitude if -180 <= longitude < 180 else round((longitude + 180) % 360 - 180, 6)


def _elevation(value: Any) -> float | None:
    if value is None or value != value:
        return None
    if type(value) not in (int, float) or not -12_000 <= value <= 12_000:
        raise InvalidResponse("an elevation that is not on Earth")
    return float(value)


def _timezone(value: Any) -> str:
    if not isinstance(value, str) or not zones.is_known(value):
        raise UnreadableHere("a time zone that this machine does not know")
    return value


def _hours(times: Any, now: float, dataset: Dataset) -> tuple[int, int]:
    """The first row's time in unix seconds and the number of rows; raises InvalidResponse unless they cover `now`."""
    if not isinstance(times, list) or not dataset.is_long_enough(len(times)):
        raise InvalidResponse(f"not as many hours as {dataset.forecast_days} days have")
    start, rows = times[0], len(times)
    if set(map(type, times)) != {int} or times != list(range(start, start + rows * HOUR_SECONDS, HOUR_SECONDS)):
        raise InvalidResponse("the hours do not follow each other")
    if not now - OLDEST_START_SECONDS <= start <= now + CLOCK_SLACK_SECONDS:
        raise UnreadableHere("the hours do not begin today, by this machine's clock")
    if times[-1] < now + dataset.covered_days * DAY_SECONDS:
        raise UnreadableHere(f"the hours end within {dataset.covered_days} days, by this machine's clock")
    return start, rows


def _true_start(first_label: int, utc_offset_seconds: Any) -> int:
    """The first row's unix seconds, a full hour of UTC: its label, corrected where that is not a full hour."""
    if type(utc_offset_seconds) is not int or abs(utc_offset_seconds) >= DAY_SECONDS:
        raise InvalidResponse("a location without its offset from UTC")
    if first_label % HOUR_SECONDS:
        first_label += zones.label_error_seconds(utc_offset_seconds)
    if first_label % HOUR_SECONDS:
        raise InvalidResponse("the hours are not full hours of UTC")
    return first_label


def _column(variable: Variable, hourly: dict[str, Any], units: dict[str, Any], rows: int) -> list[float | None]:
    """The variable's values, `rows` of them, each null or in its range; raises InvalidResponse for any other column.

    A location has 3,360 values, so they are checked by set, min, max and sum, which run in C.
    """
    if units.get(variable.name) != variable.unit:
        raise InvalidResponse(f"{variable.name} is not in {variable.unit or 'its unit'}")
    column = hourly.get(variable.name)
    if not isinstance(column, list) or len(column) != rows:
        raise InvalidResponse(f"{variable.name} has not one value for each hour")
    types = set(map(type, column))
    if not types <= {int, float, type(None)}:
        raise InvalidResponse(f"{variable.name} has a value that is not a number")
    values = [value for value in column if value is not None] if type(None) in types else column
    if values and not (min(values) >= variable.minimum and max(values) <= variable.maximum and _no_nan(values)):
        raise InvalidResponse(f"{variable.name} has a value out of its range")
    return column


def _as_held(column: list[float | None], decimals: int) -> list[float | None]:
    """The values rounded as in a packed record, so that the first answer equals those derived from the record."""
    scale = 10**decimals
    held = [None if value is None else round(value * scale) for value in column]
    if decimals < 0:
        return [None if value is None else value * 10**-decimals for value in held]
    return [None if value is None else value / scale for value in held] if decimals else list(held)


def _no_nan(values: list[float]) -> bool:
    return not math.isnan(sum(values))  # min and max pass over a NaN, a sum does not


def _check_no_gap(columns: dict[str, list[float | None]], start: int, now: float, dataset: Dataset) -> None:
    end = now + dataset.covered_days * DAY_SECONDS
    first, last = (int((moment - start) // HOUR_SECONDS) for moment in (now, end))
    for name in dataset.gapless:
        if None in columns[name][max(first, 0) : last + 1]:
            raise InvalidResponse(f"{name} has a gap in the coming {dataset.covered_days} days")
