"""A cell that a process wants of Open-Meteo, between the first who asked for it and the answer."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from weather.budget.quota import Spender
from weather.core.series import Series

#: Whoever asked for a cell in vain takes it out of the queue; so soon it is queued again for those who still wait.
REQUEUE_SECONDS = 0.25


@dataclass(slots=True)
class Wanted:
    """What a cell is wanted for, until when, whether anyone waits, since when the fleet's queue has it, and whether a
    call of this process is about it. Times are monotonic."""

    spender: Spender
    until: float
    is_awaited: bool = False
    queued_at: float | None = None
    is_asked: bool = False
    future: Future[Series] = field(default_factory=Future)

    def is_due(self, now: float) -> bool:
        """Whether the cell is to be queued: at once, and where others wait for it too again and again."""
        if self.queued_at is None:
            return True
        return self.spender == "cold" and self.until > now and now - self.queued_at >= REQUEUE_SECONDS

    def is_left(self, now: float) -> bool:
        """Whether nobody waits for a cold cell any more, so that only who is charged for it has to be settled."""
        return self.spender == "cold" and self.until <= now
