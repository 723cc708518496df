"""The list of a serving process's background loops."""

from prewarm.runs import refresher
from weather.api.service import service, services
from weathernote.redis.replication import heartbeat
from weathernote.telemetry import active_users, background, request_events, request_log, usage
from weathernote.telemetry.background import Loop, every

#: Short for rates by the minute; a process that is killed loses as much.
FLUSH_SECONDS = 5
#: How soon each process hears of a new run, and how often one of them looks whether it is time to ask for one.
RUNS_SECONDS = 10


def start() -> None:
    """Starts the loops of this process; call it in a worker, since threads do not survive a fork."""
    request_log.open_queue()
    background.run(loops)


def loops() -> list[Loop]:
    """The loops in the order in which they start, each with a thread of its own.

    So none waits for another's commands to Redis, nor for the reader of the request log.
    """
    price, budget = service().price, service().budget
    runs = [one.runs for one in services() if one.runs]
    flushes = [one.popularity.flush for one in services()]
    return [
        every(request_log.WRITE_SECONDS, request_log.write, at_the_end=[request_log.write]),
        every(request_events.COUNT_SECONDS, request_events.count, at_the_end=[request_events.count]),
        # What the last requests counted is flushed too.
        every(FLUSH_SECONDS, usage.measure, active_users.flush, at_the_end=[request_events.count, active_users.flush]),
        # The price depends on what is left of the budget, so that is read before it.
        every(FLUSH_SECONDS, *flushes, budget.synchronize, price.agree, heartbeat.beat, at_the_end=flushes),
        every(RUNS_SECONDS, *(one.known.read for one in runs), *(one.known.evidence.flush for one in runs)),
        # Threads of their own, since they wait for Open-Meteo.
        *(every(RUNS_SECONDS, one.poller.step, at_the_end=[one.poller.release]) for one in runs),
        every(refresher.STEP_SECONDS, refresher.step, at_the_end=[refresher.release]),
    ]
