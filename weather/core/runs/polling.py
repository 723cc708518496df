"""When to ask for a model's run times again: often around the time of its next run, else rarely; pure."""

from weather.core.runs.run_times import CLOCK_SLACK_SECONDS, RunTimes

OFTEN_SECONDS = 60
LATE_SECONDS = 300
RARELY_SECONDS = 900
#: A run may come so much before its usual time.
EARLY_SECONDS = 180
#: After so long a run is not a little late.
LITTLE_LATE_SECONDS = 1800


def next_poll(times: RunTimes | None, now: float) -> float:
    """The unix seconds from which on to ask again; at once if no run is known, or it was seen in the future."""
    if times is None or not times.runs or times.seen_at > now + CLOCK_SLACK_SECONDS:
        return now
    return times.seen_at + _pause_seconds(times)


def _pause_seconds(times: RunTimes) -> float:
    early_seconds = times.next_available - EARLY_SECONDS - times.seen_at
    if early_seconds > 0:
        return min(max(early_seconds, OFTEN_SECONDS), RARELY_SECONDS)
    if times.seen_at <= times.next_available + LITTLE_LATE_SECONDS:
        return OFTEN_SECONDS
    return LATE_SECONDS if times.seen_at <= times.overdue_at else RARELY_SECONDS
