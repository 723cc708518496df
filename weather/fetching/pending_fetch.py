"""A cell that this process has asked for, between the first request for it and the outcome."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from weather.budget.quota import Spender
from weather.core.series import Series

#: A process that took a cell from the queue in vain also took it away from others; they queue it again so soon.
REQUEUE_SECONDS = 0.25


@dataclass(slots=True)
class PendingFetch:
    """Who pays for the cell, its deadline, whether a thread waits for it, and when it was last queued.

    Times are monotonic seconds. The future gives the cell's series or raises UpstreamError.
    """

    spender: Spender
    deadline: float
    has_waiters: bool = False
    queued_at: float | None = None
    future: Future[Series] = field(default_factory=Future)

    def should_queue(self, now: float) -> bool:
        """Whether the cell is to be queued now: once, and a cold one again and again as long as someone waits."""
        if self.queued_at is None:
            return True
        return self.spender == "cold" and self.deadline > now and now - self.queued_at >= REQUEUE_SECONDS

    def is_abandoned(self, now: float) -> bool:
        """Whether nobody waits for a cold cell any more, so that only its charge is still to be settled."""
        return self.spender == "cold" and self.deadline <= now
