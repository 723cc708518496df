"""A day of one model's runs and three ways to refresh a cell, with the missed age by the service's own function."""

from itertools import pairwise

from docs.pictures import svg
from weather.core.runs.run_times import Run, RunTimes

HOUR = 3600
_DAY = 24 * HOUR
_EVERY = 3 * HOUR
#: From the time that a run begins with to the one at which it is there; the run of 09:00 comes later than usual.
_USUAL_DELAY, _LATE_DELAY, _LATE = 70 * 60, 130 * 60, 9 * HOUR
#: From the time at which a run is settled to the refresh of the cells that are first.
_PACED = 5 * 60
_BY_THE_CLOCK = 2 * HOUR

_LEFT, _RIGHT = 36, 744
_RUNS, _LANES, _LANE = 66, (164, 258, 352), 52
_STEP = 5 * 60


def draw() -> str:
    """The picture as SVG."""
    times = _run_times()
    settled = [run.settled for run in reversed(times.runs)]
    ways = (
        ("By the clock, every two hours", [*range(-_BY_THE_CLOCK, _DAY, _BY_THE_CLOCK)]),
        ("By runs, where many ask: each run", [time + _PACED for time in settled]),
        ("By runs, where few ask: when two are missing", [time + _PACED for time in settled[::2]]),
    )
    shapes = [svg.text(_LEFT, 28, "What users miss is the newest run, not the newest call", "name", "start")]
    for hour in range(0, 25, 3):
        shapes.append(svg.line([(_x(hour * HOUR), _RUNS), (_x(hour * HOUR), _LANES[-1] + 6)], "grid"))
        shapes.append(svg.text(_x(hour * HOUR), _LANES[-1] + 24, f"{hour:02}:00", "small"))
    for run in times.runs:
        shapes += _run(run)
    for base, (name, fetches) in zip(_LANES, ways, strict=True):
        shapes += _lane(base, name, fetches, times)
    shapes += _key(_LANES[-1] + 52)
    return svg.picture(780, _LANES[-1] + 70, "Runs of a weather model, refreshes and missed age over a day", shapes)


def _run_times() -> RunTimes:
    starts = range(-2 * _EVERY, _DAY, _EVERY)
    runs = [Run(start, start + (_LATE_DELAY if start == _LATE else _USUAL_DELAY)) for start in starts]
    return RunTimes(_EVERY, tuple(reversed(runs)), _DAY)


def _run(run: Run) -> list[str]:
    """From the time that the run begins with to the one at which all of Open-Meteo's servers have it."""
    if run.initialised < 0:
        return []
    begin, end = (_x(run.initialised), _RUNS), (_x(run.settled), _RUNS)
    name = f"run of {run.initialised // HOUR:02}:00"
    return [svg.arrow(begin, end), svg.text(begin[0], _RUNS - 8, name, "small", "start")]


def _lane(base: float, name: str, fetches: list[int], times: RunTimes) -> list[str]:
    """The missed age of what the cell's record holds, and a dot for each refresh: hollow if it brings nothing new."""
    corners = [(_x(0), base)]
    for now in range(0, _DAY + 1, _STEP):
        held = max(fetched for fetched in fetches if fetched <= now)
        corners.append((_x(now), base - _height(times.missed_seconds(held, now))))
    brought = {time: times.missing(before, time) > 0 for before, time in pairwise(fetches) if 0 <= time <= _DAY}
    calls = f"{len(brought)} calls, {sum(brought.values())} of them bring a run"
    return [
        svg.area([*corners, (_x(_DAY), base)]),
        svg.line([(_LEFT, base), (_RIGHT, base)]),
        svg.line(corners, "a"),
        svg.text(_LEFT, base - _LANE - 12, name, "", "start"),
        svg.text(_RIGHT, base - _LANE - 12, calls, "small", "end"),
        *(_dot(_x(time), base, brings_a_run=brings_a_run) for time, brings_a_run in brought.items()),
    ]


def _dot(x: float, y: float, *, brings_a_run: bool) -> str:
    return f'<circle class="{"dot" if brings_a_run else "box"}" cx="{x:.1f}" cy="{y:g}" r="4.5"/>'


def _key(y: float) -> list[str]:
    return [
        _dot(_LEFT + 8, y - 4, brings_a_run=True),
        svg.text(_LEFT + 18, y, "a call that brings a run", "small", "start"),
        _dot(_LEFT + 176, y - 4, brings_a_run=False),
        svg.text(_LEFT + 186, y, "a call for the same numbers again", "small", "start"),
        svg.line([(_LEFT + 392, y - 4), (_LEFT + 416, y - 4)], "a"),
        svg.text(_LEFT + 422, y, "the missed age, at most three hours here", "small", "start"),
    ]


def _x(time: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * time / _DAY


def _height(missed_seconds: float) -> float:
    return _LANE * missed_seconds / _EVERY
