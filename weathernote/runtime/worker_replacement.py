"""granian's server, which replaces each worker that ends, and gives up only where no worker can begin.

granian itself ends, with all its workers, when a worker's replacement ends within 5.5 s: two kills for want of memory
would do. Its `_respawn_workers` is its one place of replacing; tests/weathernote/runtime/test_worker_replacement.py
fails if a newer granian no longer calls it so.
"""

import time
from typing import Any

from granian import Granian
from granian.log import logger

#: A worker that ended sooner is taken not to have begun.
_BEGUN_SECONDS = 5
#: So many that did not begin, for each worker, while none other served, are the end.
_ATTEMPTS = 10


class FailedBegins:
    """Counts workers that end soon after they began, since one was last seen to serve."""

    def __init__(self, workers: int) -> None:
        self.most = workers * _ATTEMPTS
        self.in_a_row = 0

    def note(self, ended: list[int], ages: list[float]) -> bool:
        """True if a pause is due before the workers that `ended` are replaced; `ages` are all workers', in seconds."""
        young = [worker for worker in ended if ages[worker] < _BEGUN_SECONDS]
        self.in_a_row = 0 if max(ages) >= _BEGUN_SECONDS else self.in_a_row + len(young)
        return bool(young)

    @property
    def too_many(self) -> bool:
        """True if it is of no use to go on."""
        return self.in_a_row >= self.most


class Server(Granian):  # type: ignore[misc, valid-type]  # granian takes one of two classes, by the kind of Python
    """granian's server, which pauses `respawn_interval` before it replaces a worker that ended soon after it began."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.failed_begins = FailedBegins(self.workers)

    def _respawn_workers(self, workers: list[int], *args: Any, **options: Any) -> None:
        """Replaces the workers of these numbers, which have ended (or live, where SIGHUP asks for new ones)."""
        now = time.monotonic()
        ended = [worker for worker in workers if not self.wrks[worker].is_alive()]
        pause = self.failed_begins.note(ended, [now - worker.birth for worker in self.wrks])
        if self.failed_begins.too_many:
            failed = self.failed_begins.in_a_row
            logger.error(f"No worker can begin: {failed} in a row ended within {_BEGUN_SECONDS} s. So the server ends.")
            self.interrupt_children.extend(workers)  # for the exit code
            self.signal_handler_interrupt()
            return
        if pause:
            time.sleep(self.respawn_interval)
        if not self.interrupt_signal:
            super()._respawn_workers(workers, *args, **options)
            self.respawned_wrks.clear()  # by which granian would end
        if self.interrupt_signal or self.interrupt_children:
            self.main_loop_interrupt.set()  # which granian may have cleared just after it was set
