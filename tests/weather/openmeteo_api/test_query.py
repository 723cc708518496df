"""Open-Meteo's question is read strictly: what is wrong or not held is refused in its words, and named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.cells import Cell
from weather.openmeteo_api.form import Form
from weather.openmeteo_api.names import ALL, names_with
from weather.openmeteo_api.query import MOST_NAMES, Refused, asked_in, form_in

pytestmark = pytest.mark.pure

TEN = names_with(())
PLACE = {"latitude": ["40.7128"], "longitude": ["-74.0060"]}


def asked(**parameters: str | list[str]):
    given_ = {name: value if isinstance(value, list) else [value] for name, value in parameters.items()}
    return asked_in(PLACE | given_, ALL, 20)


def refusal(**parameters: str | list[str]) -> str:
    with pytest.raises(Refused) as refused:
        asked(**parameters)
    return str(refused.value)


def test_a_question_without_variables_makes_sense():
    assert asked() == asked_in(PLACE, TEN, 20)
    assert asked().form == Form() and asked().cells == (Cell(407, -740),)


@pytest.mark.parametrize(
    "hourly", ["temperature_2m,is_day", ["temperature_2m", "is_day"], ["temperature_2m,", "is_day"]]
)
def test_a_list_comes_with_commas_or_as_a_repeated_parameter(hourly):
    assert asked(hourly=hourly).form.hourly == ("temperature_2m", "is_day")


def test_places_come_in_the_order_asked_and_a_cell_may_come_twice():
    cells = asked(latitude="40.7,51.5,40.7", longitude=["-74,-0.1", "-74"]).cells
    assert cells == (Cell(407, -740), Cell(515, -1), Cell(407, -740))


def test_every_parameter_is_read():
    form = asked(
        current="weather_code", daily="sunrise", forecast_days="0", forecast_hours="240", timezone="auto",
        timeformat="unixtime", temperature_unit="fahrenheit", wind_speed_unit="kn", precipitation_unit="inch",
        cell_selection="sea", models="best_match", format="flatbuffers", apikey="secret", foo="bar",
    ).form  # fmt: skip
    assert form == Form(
        current=("weather_code",), daily=("sunrise",), days=0, hours=240, zones=("auto",), unixtime=True,
        temperature="fahrenheit", wind_speed="kn", precipitation="inch", format="flatbuffers",
    )  # fmt: skip


def test_old_names_are_taken_too():
    assert asked(hourly="weathercode", daily="windspeed_10m_max", windspeed_unit="ms").form.wind_speed == "ms"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"latitude": "522.52"}, "Latitude must be in range of -90 to 90°. Given: 522.52."),
        ({"longitude": "-181"}, "Longitude must be in range of -180 to 180°. Given: -181."),
        ({"latitude": ""}, "Data corrupted at path 'latitude'. Value required for key 'latitude'."),
        (
            {"latitude": "NaN"},
            "Data corrupted at path 'latitude'. Cannot initialize Float from invalid String value NaN.",
        ),
        (
            {"latitude": "1,2"},
            "Parameter 'latitude' and 'longitude' must have the same number of elements",
        ),
        (
            {"latitude": ",".join(["1"] * 21), "longitude": ",".join(["1"] * 21)},
            "Only up to 20 locations can be requested at once",
        ),
        ({"forecast_days": "11"}, "Forecast days is invalid. Allowed range 0 to 10. Given 11."),
        ({"forecast_days": "-1"}, "Forecast days is invalid. Allowed range 0 to 10. Given -1."),
        ({"forecast_days": ""}, "Data corrupted at path 'forecast_days'. Cannot initialize Int from ."),
        ({"forecast_days": "7.5"}, "Data corrupted at path 'forecast_days'. Cannot initialize Int from 7.5."),
        ({"timezone": "Mars/Base"}, "Invalid timezone"),
        ({"timezone": "../../etc/passwd"}, "Invalid timezone"),
    ],
)
def test_known_mistakes_are_refused_in_open_meteos_words(parameters, reason):
    assert refusal(**parameters) == reason


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"hourly": "lksdfj"}, ("lksdfj", "temperature_2m", "is_day")),
        ({"current": "temperature_80m"}, ("temperature_80m", "wind_gusts_10m")),
        ({"daily": "temperature_2m"}, ("temperature_2m", "temperature_2m_max", "daylight_duration")),
        ({"temperature_unit": "kelvin"}, ("TemperatureUnit", "kelvin", "celsius, fahrenheit")),
        ({"wind_speed_unit": "bft"}, ("bft", "kmh, ms, mph, kn")),
        ({"precipitation_unit": "m"}, ("mm, inch",)),
        ({"timeformat": "unix"}, ("iso8601, unixtime",)),
        ({"models": "best_match,icon_seamless"}, ("icon_seamless", "best_match")),
        ({"timeformat": ""}, ("iso8601, unixtime",)),
        ({"format": "csv"}, ("csv", "json, flatbuffers")),
        ({"cell_selection": "moon"}, ("land, sea, nearest",)),
        ({"minutely_15": "temperature_2m"}, ("'minutely_15' is not supported", "hourly")),
        ({"past_days": "1"}, ("'past_days' is not supported",)),
        ({"start_date": "2026-11-24"}, ("'start_date' is not supported",)),
        ({"elevation": "0.5"}, ("'elevation' is not supported",)),
    ],
)
def test_what_is_not_held_is_refused_and_what_is_held_is_named(parameters, named):
    reason = refusal(**parameters)
    assert all(word in reason for word in named)


@pytest.mark.parametrize("parameters", [{"past_days": "0"}, {"minutely_15": ""}, {"current_weather": "false"}])
def test_a_parameter_that_changes_nothing_is_no_mistake(parameters):
    assert asked(**parameters).form == Form()


def test_extra_variables_are_held_only_where_the_instance_has_them():
    with pytest.raises(Refused):
        form_in({"hourly": ["uv_index"]}, TEN)
    held = names_with(("uv_index",))
    assert form_in({"hourly": ["uv_index"], "daily": ["uv_index_max"]}, held).daily == ("uv_index_max",)
    assert "uv_index_max" not in TEN.daily


@pytest.mark.parametrize("name", ["forecast_days", "timeformat", "format", "temperature_unit"])
def test_what_is_no_list_is_given_once(name):
    value = {"forecast_days": "3", "timeformat": "unixtime", "format": "json", "temperature_unit": "celsius"}[name]
    assert refusal(**{name: [value, value]}) == f"Parameter '{name}' must be given once"


def test_a_zone_for_each_place_or_one_for_all():
    two = {"latitude": "1,2", "longitude": "1,2"}
    form = asked(**two, timezone="auto,Asia/Kolkata").form
    assert [form.zone_of(number) for number in (0, 1)] == ["auto", "Asia/Kolkata"]
    assert asked(**two, timezone="auto").form.zone_of(1) == "auto"
    assert "timezone" in refusal(**two, timezone="auto,auto,auto")


def test_an_endless_list_is_refused():
    assert "hourly" in refusal(hourly="temperature_2m," * MOST_NAMES)
    assert "locations" in refusal(latitude="," * 1_000_000)


@pytest.mark.parametrize("name", ["latitude", "longitude", "hourly", "timezone", "forecast_days", "format", "models"])
@given(text=st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_printable_line(name, text):
    reason = ""
    try:
        asked(**{name: text})
    except Refused as refused:
        reason = str(refused)
    assert reason.isprintable() and len(reason) < 2000
