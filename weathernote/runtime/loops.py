"""The list of a serving process's background loops."""

from weather.api.service import service, services
from weathernote.telemetry import active_users, background, request_events, request_log, usage
from weathernote.telemetry.background import Loop, every

#: Short for rates by the minute; a process that is killed loses as much.
FLUSH_SECONDS = 5
#: How soon each process hears of a new run, and how often one of them looks whether it is time to ask for one.
RUNS_SECONDS = 10
#: How soon all processes act on what the refreshes of one have shown.
EVIDENCE_SECONDS = 30


def start() -> None:
    """Starts the loops of this process; call it in a worker, since threads do not survive a fork."""
    request_log.open_queue()
    background.run(loops)


def loops() -> list[Loop]:
    """The loops in the order in which they start, each with a thread of its own.

    So none waits for another's commands to Redis, nor for the reader of the request log.
    """
    price, budget = service().price, service().budget
    run_table, run_poller = service().run_table, service().run_poller
    flushes = [one.popularity.flush for one in services()]
    evidence = [one.evidence for one in services() if one.evidence]
    return [
        every(request_log.WRITE_SECONDS, request_log.write, at_the_end=[request_log.write]),
        every(request_events.COUNT_SECONDS, request_events.count, at_the_end=[request_events.count]),
        # What the last requests counted is flushed too.
        every(FLUSH_SECONDS, usage.measure, active_users.flush, at_the_end=[request_events.count, active_users.flush]),
        every(FLUSH_SECONDS, *flushes, price.agree, budget.synchronize, at_the_end=flushes),
        # A thread of its own, since it waits for Open-Meteo.
        every(RUNS_SECONDS, run_table.read, run_poller.step, at_the_end=[run_poller.release]),
        *(every(EVIDENCE_SECONDS, one.flush, one.read, at_the_end=[one.flush]) for one in evidence),
    ]
