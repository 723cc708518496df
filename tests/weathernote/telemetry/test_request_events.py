"""What a process counts of its requests, and the origins of the last five minutes."""

from collections import Counter

from weathernote.telemetry.request_events import RecentOrigins


def test_rates_are_those_of_five_minutes() -> None:
    recent = RecentOrigins()
    assert recent.add(Counter(found=3, fetched=1), now=1000.0) == {"found": 3, "fetched": 1}
    assert recent.add(Counter(found=1), now=1200.0) == {"found": 4, "fetched": 1}
    assert recent.add(Counter(), now=1301.0) == {"found": 1}
    assert recent.add(Counter(), now=9999.0) == {}
