"""The simulated Open-Meteo's own answer and ours, worked out from what it gave, agree in every number.

It is asked for hours of GMT: its labels are right there, and a change of summer time does not touch them.
"""

import json
import random
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.weather.openmeteo_api.test_json_answers import ZONES
from weather.core.cells import Cell
from weather.core.forecast import AGGREGATES
from weather.core.variables import HOURLY, KNOWN
from weather.simulator.answers.forecast import FORECAST
from weather.simulator.answers.json_text import place_texts
from weather.simulator.call import Asked

TEN = [variable.name for variable in HOURLY]
AGGREGATED = {name: (variable.name, aggregate) for name, variable, aggregate in AGGREGATES}
#: One moment a week before summer time ends in Europe, in a week when it begins in Australia, and a usual one.
MOMENTS = [datetime(2026, month, day, 12, 50, tzinfo=UTC) for month, day in ((10, 22), (10, 1), (6, 24))]


def theirs(cell: Cell, now: float, **parameters: str):
    """What the simulator answers in GMT and unixtime about the cell's centre, as a fetch asks it."""
    query = {"latitude": f"{cell.latitude:g}", "longitude": f"{cell.longitude:g}", "timeformat": "unixtime"}
    (text,) = place_texts(Asked.parse("&".join(f"{k}={v}" for k, v in (query | parameters).items()), FORECAST), now)
    return json.loads(text)


def hours_of(cell: Cell, now: float) -> dict[int, dict[str, float]]:
    """Instant → name → value, by the simulator, from yesterday on."""
    hourly = theirs(cell, now, hourly=",".join(TEN), forecast_days="16")["hourly"]
    rows = zip(*(hourly[name] for name in TEN), strict=True)
    return {time: dict(zip(TEN, row, strict=True)) for time, row in zip(hourly["time"], rows, strict=True)}


@pytest.mark.parametrize("zone", ["auto", *ZONES])
def test_every_number_is_the_one_that_open_meteo_gives_for_that_instant(api, simulator, zone):
    dice = random.Random(zone)
    moment = dice.choice(MOMENTS)
    cell = Cell(dice.randrange(-600, 600), dice.randrange(-1799, 1799))
    names, daily = dice.sample(TEN, dice.randrange(1, 11)), dice.sample(sorted(AGGREGATED), 4)
    question = (
        f"/v1/forecast?latitude={cell.latitude}&longitude={cell.longitude}&current={','.join(names)}&timeformat=unixtime"
        f"&hourly={','.join(names)}&daily={','.join(daily)}&forecast_days={dice.randrange(1, 11)}&timezone={zone}"
    )
    with time_machine.travel(moment, tick=False):
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        fetched, derived = (api.get(question).json() for _ in range(2))
    fetched["generationtime_ms"] = derived["generationtime_ms"]
    assert fetched == derived
    now = moment.timestamp()
    by_instant = hours_of(cell, now)
    check_hours(derived["hourly"], names, by_instant)
    check_days(derived["daily"], daily, by_instant, ZoneInfo(derived["timezone"]))
    check_current(derived["current"], theirs(cell, now, current=",".join(names))["current"])


def check_current(ours, reported) -> None:
    assert list(ours) == list(reported) and ours["time"] == reported["time"]
    for name, value in reported.items():
        # Between two hours a half may be rounded either way, and theirs has tenths of a millimetre.
        reading = KNOWN[name].reading if name in KNOWN else "nearest"
        last = 10.0 ** -min(1, KNOWN[name].decimals) if name in KNOWN else 0
        within = 0.051 if name == "precipitation" else 0 if reading in ("nearest", "ending") else last
        assert ours[name] == pytest.approx(value, abs=within + 1e-9), name


def check_hours(hourly, names, by_instant) -> None:
    known = 0
    for time, *values in zip(hourly["time"], *(hourly[name] for name in names), strict=True):
        if time in by_instant and values[0] is not None:
            assert values == [by_instant[time][name] for name in names]
            known += 1
    # But for the first hours of a zone whose day began before the place's own, all are there.
    assert known >= len(hourly["time"]) - 25


def check_days(daily, names, by_instant, zone) -> None:
    """The days after the first, which may have begun before the record did."""
    for begin, end in list(pairwise(daily["time"]))[1:]:
        assert datetime.fromtimestamp(begin, zone).time().isoformat() == "00:00:00"
        hours = [values for time, values in by_instant.items() if begin <= time < end]
        assert len(hours) in (23, 24, 25)
        for name in names:
            source, aggregate = AGGREGATED[name]
            at = daily["time"].index(begin)
            assert daily[name][at] == pytest.approx(aggregate([hour[source] for hour in hours]), abs=1e-9)
