"""Counts, durations and rates as staff read them, in the admin and on the dashboard; pure."""

#: Stands for a value that is not there.
NONE = "–"


def format_count(number: int, noun: str) -> str:
    """The number with its noun, which takes an s for any number but 1: 1 call, 2,000 calls."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_duration(seconds: float | None) -> str:
    """Seconds in at most two units, cut off and not rounded: 42 s, 9 min, 3 h 05 min, 1 d 4 h; NONE for None."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def format_run_time(seconds: float | None) -> str:
    """Seconds that a job took, to the tenth below a minute: 4.2 s, 2 min 05 s; NONE for None."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {int(rest):02} s" if minutes else f"{rest:.1f} s"


def format_rate(per_hour: float | None) -> str:
    """Requests per hour, with one decimal below ten; NONE for None and for what would show as 0.0."""
    if not per_hour or per_hour < 0.05:
        return NONE
    return f"{per_hour:,.0f}" if per_hour >= 10 else f"{per_hour:.1f}"
