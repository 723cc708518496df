"""Threads that run rounds side by side."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from weather.fetching.fetch_queue import Lease


class RoundThreads:
    """Calls `run`, which raises nothing, for each lease in a thread; as many threads as leases that ran at once.

    They are kept, because each thread of a process has its own connection to Redis.
    """

    def __init__(self, run: Callable[[Lease], object]) -> None:
        self._run = run
        self._leases: SimpleQueue[Lease] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def start(self, lease: Lease) -> None:
        """Has the lease run now. Raises RuntimeError if no thread is idle and none can be started."""
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._work, name="round", daemon=True).start()
        self._leases.put(lease)

    def _work(self) -> None:
        while True:
            self._run(self._leases.get())
            self._idle.release()
