"""A circuit breaker that a thread of its own closes: no request has to wait for a probe."""

import logging
import threading
from collections.abc import Callable

from weathernote.redis.outages.breaker import Breaker

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
_PROBE_SECONDS = 0.05


class ProbedBreaker(Breaker):
    """Once `probe` is called it asks `answers` after each pause until that is true, closes, and calls `on_back`.

    Whatever `answers` raises counts as false; it is logged the first time of an outage.
    """

    def __init__(self, answers: Callable[[], bool], on_back: Callable[[], None], *, failures_to_open: int = 3) -> None:
        super().__init__(failures_to_open=failures_to_open, pause_seconds=PAUSE_SECONDS)
        self._answers = answers
        self._on_back = on_back
        self._closed = threading.Event()

    def probe(self, name: str) -> None:
        """Starts the thread, under this name; without one, requests probe, and wait for the timeout."""
        try:
            threading.Thread(target=self._probe_until_back, args=(name,), name=name, daemon=True).start()
        except RuntimeError:  # no thread available
            self.succeeded()

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()

    def _probe_until_back(self, name: str) -> None:
        has_raised = False
        while self.is_open and not self._closed.wait(_PROBE_SECONDS):
            if not self.allows():
                continue
            try:
                is_back = self._answers()
            except Exception:  # a breaker without its thread would stay open for good
                is_back = False
                if not has_raised:
                    log.exception(
                        "The probe of %s fails unexpectedly; it goes on every %g s.", name, self.pause_seconds
                    )
                has_raised = True
            if is_back:
                self.succeeded()
                self._on_back()
            else:
                self.failed()
