"""What is done for all streams every second: pings, slow readers, and what watched cells count in popularity."""

import asyncio
import logging
from time import monotonic

from weather.live.hub import Hub
from weather.live.stream import PING

log = logging.getLogger(__name__)

PING_SECONDS = 25.0
REPORT_SECONDS = 60
STEP_SECONDS = 1.0
#: A stream counts as a phone that asks every ten minutes; each second counts the cells whose turn it is.
COUNT_SECONDS = 600


async def keep(hub: Hub) -> None:
    """Does every second what is due, until it is cancelled."""
    second = 0
    while True:
        await asyncio.sleep(STEP_SECONDS)
        try:
            look_after_readers(hub, monotonic())
            count(hub, second % COUNT_SECONDS)
            if second % REPORT_SECONDS == 0:
                report(hub)
        except Exception:
            log.exception("The upkeep of streams failed; it is tried again.")
        second += 1


def look_after_readers(hub: Hub, now: float) -> None:
    """Cuts off the slow readers, and pings streams of events that are silent; `now` as `time.monotonic`."""
    for stream in list(hub.streams):
        if stream.is_slow(now):
            stream.cut()
        elif stream.kind == "events" and stream.sending_since is None and now - stream.last_write >= PING_SECONDS:
            stream.offer(PING)


def report(hub: Hub) -> None:
    """Logs how many streams are open: a service that reads the log alone can scale by it."""
    log.info("streams", extra={"figures": {"streams": len(hub.streams)}})


def count(hub: Hub, turn: int) -> None:
    """Counts each stream of the cells whose turn it is, as one request of a phone."""
    watched = [
        (question.cell, len(topic.streams))
        for question, topic in hub.topics.items()
        if hash(question.cell) % COUNT_SECONDS == turn
    ]
    if watched:
        hub.answers.count_watched(watched)
