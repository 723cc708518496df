"""Everything that a serving process does behind its requests, in one list."""

from weather.api.service import service
from weathernote.telemetry import active_users, background, request_events, request_log, usage
from weathernote.telemetry.background import Loop, every

#: Rates by the minute do not show it, and a process that is killed loses no more.
FLUSH_SECONDS = 5


def start() -> None:
    """Starts the loops of this process, once it is a server's worker: threads do not outlive a fork."""
    request_log.open_queue()
    background.run(loops)


def loops() -> list[Loop]:
    """The loops in the order in which they start; each has a thread of its own, so that none waits for another's Redis.

    The request log's waits for whoever reads it.
    """
    popularity, price, budget = service().popularity, service().price, service().budget
    return [
        every(request_log.WRITE_SECONDS, request_log.write, at_the_end=[request_log.write]),
        every(request_events.COUNT_SECONDS, request_events.count, at_the_end=[request_events.count]),
        # What the last requests counted is flushed too.
        every(FLUSH_SECONDS, usage.measure, active_users.flush, at_the_end=[request_events.count, active_users.flush]),
        every(FLUSH_SECONDS, popularity.flush, price.agree, budget.synchronize, at_the_end=[popularity.flush]),
    ]
