"""What a refresh tells about run times: whether values changed, and whether the old record lacked a run; pure."""

from weather.core.runs.run_times import RunTimes
from weather.core.series import Series
from weather.core.variables import HOUR_SECONDS

#: The one variable that every model has at every place. Others may come from a second model where the area's own lacks
#: them, and probabilities come from an ensemble: both change with runs of their own.
COMPARED = "temperature_2m"
#: The shortest run of an area's model ends twelve hours after it begins, some of which are over when it is there.
#: Further on an answer may be another model's, which changes with that model's runs.
COMPARED_HOURS = 8
#: Not all of Open-Meteo's servers get a run at the same time: some may have it before it is said to be available.
EARLY_SECONDS = 600


def has_changed(held: Series, new: Series, now: float) -> bool | None:
    """Whether the new series differs from the held one in the hour of `now` (unix seconds) or the next ones.

    Counted are the COMPARED_HOURS hours that both have a temperature for, to its last decimal. Hours that only one of
    them has are no change, nor is another first row. None if there is nothing to compare: no hour in common, or
    another source.
    """
    if held.source != new.source:
        return None
    first = int(now // HOUR_SECONDS) * HOUR_SECONDS
    times = range(first, first + COMPARED_HOURS * HOUR_SECONDS, HOUR_SECONDS)
    pairs = [(_value(held, time), _value(new, time)) for time in times]
    known = [(before, after) for before, after in pairs if before is not None and after is not None]
    return any(before != after for before, after in known) if known else None


def lacked_run(times: RunTimes, held_at: float, new_at: float) -> bool | None:
    """Whether a record fetched at `held_at` lacked a run that one fetched at `new_at` has; both in unix seconds.

    None where that is not certain: while Open-Meteo's servers get a run, some answer by it and some by the one before.
    It is False only as far as runs are known: until `times.seen_at`.
    """
    begun = [run.available - EARLY_SECONDS for run in times.runs]
    if any(held_at < begin and run.settled <= new_at for begin, run in zip(begun, times.runs, strict=True)):
        return True
    is_apart = all(run.settled <= held_at or new_at < begin for begin, run in zip(begun, times.runs, strict=True))
    return False if is_apart and times.run_of(held_at) is not None else None


def _value(series: Series, time: int) -> float | None:
    column = series.columns.get(COMPARED, ())
    row = (time - series.start) // HOUR_SECONDS
    return column[row] if 0 <= row < len(column) else None
