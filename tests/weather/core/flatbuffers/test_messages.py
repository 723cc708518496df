"""Open-Meteo's FlatBuffers as its official classes read them."""

from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from openmeteo_sdk.Aggregation import Aggregation
from openmeteo_sdk.Model import Model
from openmeteo_sdk.Unit import Unit
from openmeteo_sdk.Variable import Variable
from openmeteo_sdk.WeatherApiResponse import WeatherApiResponse

from weather.core.flatbuffers.message_names import DAILY, HOURLY, UNITS
from weather.core.flatbuffers.messages import Column, Message, Section, packed

pytestmark = pytest.mark.pure

HOURS = Section(3600, 3600 * 4, 3600, [Column(HOURLY["temperature_2m"], UNITS["°C"], [1.5, None, -0.5])])
DAYS = Section(0, 2 * 86_400, 86_400, [
    Column(DAILY["sunrise"], UNITS["iso8601"], [1_795_500_000, 1_795_586_400], is_time=True),
    Column(DAILY["wind_direction_10m_dominant"], UNITS["°"], [260, None]),
])  # fmt: skip
NOW = Section(900, 1800, 900, [Column(HOURLY["wind_speed_10m"], UNITS["m/s"], [2.5])], is_current=True)


def read(message: bytes) -> WeatherApiResponse:
    assert int.from_bytes(message[:4], "little") == len(message) - 4
    return WeatherApiResponse.GetRootAs(message, 4)


def whole(**changes: Any) -> Message:
    return replace(Message(40.71, -74.0, 51.0, 0.5, 0, -18_000, "America/New_York", "GMT-5"), **changes)


def test_a_message_says_what_was_put_in_it():
    message = read(packed(whole(current=NOW, hourly=HOURS, daily=DAYS, location_id=3)))
    assert (message.Latitude(), message.Longitude()) == (np.float32(40.71), -74.0)
    assert (message.Elevation(), message.GenerationTimeMilliseconds(), message.LocationId()) == (51.0, 0.5, 3)
    assert (message.Timezone(), message.TimezoneAbbreviation()) == (b"America/New_York", b"GMT-5")
    assert (message.UtcOffsetSeconds(), message.Model()) == (-18_000, Model.best_match)
    hourly, daily, current = message.Hourly(), message.Daily(), message.Current()
    assert (hourly.Time(), hourly.TimeEnd(), hourly.Interval(), hourly.VariablesLength()) == (3600, 14_400, 3600, 1)
    temperature = hourly.Variables(0)
    assert (temperature.Variable(), temperature.Altitude(), temperature.Unit()) == (
        Variable.temperature,
        2,
        Unit.celsius,
    )
    assert np.array_equal(temperature.ValuesAsNumpy(), np.array([1.5, nan, -0.5], "f"), equal_nan=True)
    sunrise, wind = (daily.Variables(number) for number in (0, 1))
    assert sunrise.ValuesInt64AsNumpy().tolist() == [1_795_500_000, 1_795_586_400] and sunrise.ValuesIsNone()
    assert (wind.Aggregation(), wind.Altitude(), wind.Values(0)) == (Aggregation.dominant, 10, 260.0)
    assert (current.Time(), current.Interval(), current.Variables(0).Value()) == (900, 900, 2.5)


def test_what_is_missing_is_absent_and_no_elevation_is_nan():
    message = read(packed(whole(timezone=None, timezone_abbreviation=None, elevation=None)))
    assert message.Timezone() is message.TimezoneAbbreviation() is message.Hourly() is message.Current() is None
    assert isnan(message.Elevation())


def test_a_section_may_be_empty():
    empty = Section(0, 0, 3600, [Column(HOURLY["is_day"], UNITS[""], [])])
    assert read(packed(whole(hourly=empty))).Hourly().Variables(0).ValuesLength() == 0


def test_vectors_are_aligned_as_the_schema_wants():
    for rows in range(9):
        odd = Section(0, 0, 3600, [Column(HOURLY["is_day"], 0, [1.0] * rows)] * 3)
        message = packed(whole(hourly=odd, daily=DAYS, timezone="UTC"[: rows % 4] or None))
        sunrise = read(message).Daily().Variables(0)
        assert sunrise.ValuesInt64(1) == 1_795_586_400
        position = message.index((1_795_500_000).to_bytes(8, "little"))
        assert position % 8 == len(message) % 8 == 0  # counted from the length before the message
