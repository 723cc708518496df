"""A circuit breaker: after a few failures in a row it refuses all calls but one probe at a time."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """closed → open after `failures_to_open` in a row → one probe every `pause_seconds` → closed.

    `now` is a monotonic clock, so that setting the machine's clock does not hold the breaker open. The lock is held
    for a few assignments and never during a call.
    """

    def __init__(
        self,
        *,
        failures_to_open: int = 3,
        pause_seconds: float = 1.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failures_to_open = failures_to_open
        self.pause_seconds = pause_seconds
        self.now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        return self._next_probe is not None

    def allows(self) -> bool:
        """Whether a call may go out now. While open, one call after each pause may: it is the probe."""
        if self._next_probe is None:
            return True
        with self._lock:
            if self._next_probe is None:
                return True
            if self.now() < self._next_probe:
                return False
            self._next_probe = self.now() + self.pause_seconds
            return True

    def succeeded(self) -> None:
        """Records a success, which closes the breaker."""
        if self._failures == 0 and self._next_probe is None:
            return
        with self._lock:
            self._failures = 0
            self._next_probe = None

    def failed(self, failures: int = 1) -> bool:
        """Records failures; True if they are those that open the breaker."""
        with self._lock:
            self._failures += failures
            if self._next_probe is None and self._failures < self.failures_to_open:
                return False
            opens = self._next_probe is None
            self._next_probe = self.now() + self.pause_seconds
            return opens
