"""Writes an answer as Open-Meteo's FlatBuffers message, which its official clients read."""

from collections.abc import Mapping

from openmeteo_sdk.Unit import Unit

from weather.core.flatbuffers import messages
from weather.core.flatbuffers.message_names import DAILY, HOURLY, UNITS, Identity
from weather.core.flatbuffers.messages import Message, packed
from weather.openmeteo_api.answer import Answer, Column, Section
from weather.openmeteo_api.clock import abbreviation
from weather.openmeteo_api.form import GMT
from weather.openmeteo_api.names import IS_DAY, new_name


def message_of(answer: Answer, number: int, *, generation_ms: float) -> bytes:
    """The message about the place of this number among those asked for, with its length before it."""
    series, clock = answer.series, answer.clock
    offset = clock.utc_offset_seconds
    is_gmt = clock.name == GMT
    return packed(
        Message(
            latitude=series.latitude,
            longitude=series.longitude,
            elevation=series.elevation,
            generation_ms=generation_ms,
            location_id=number,
            utc_offset_seconds=offset,
            timezone=None if is_gmt else clock.name,
            timezone_abbreviation=None if is_gmt else abbreviation(offset),
            **{section.name: _section(section) for section in answer.sections},
        )
    )


def _section(section: Section) -> messages.Section:
    # Rows of a message are equally far apart: days are counted from the first midnight, whatever summer time does.
    start = section.times[0] if section.times else 0
    return messages.Section(
        start=start,
        end=start + len(section.times) * section.interval,
        interval=section.interval,
        columns=[_column(column, DAILY if section.name == "daily" else HOURLY) for column in section.columns],
        is_current=section.name == "current",
    )


def _column(column: Column, identities: Mapping[str, Identity]) -> messages.Column:
    name = new_name(column.name)
    return messages.Column(identities[name], _unit(name, column), column.values, column.is_time)


def _unit(name: str, column: Column) -> int:
    return Unit.dimensionless_integer if name == IS_DAY.name else UNITS[column.unit]
