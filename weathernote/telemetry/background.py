"""Background work of a process. Each loop has a thread and runs its steps until the process ends."""

import atexit
import logging
import multiprocessing.util
import os
import threading
from collections.abc import Callable, Iterable
from time import monotonic

log = logging.getLogger(__name__)

Step = Callable[[], object]

#: How long a step that hangs (on a full pipe, for example) may delay the end of the process.
END_SECONDS = 2


class Loop:
    """Runs `steps` in order, immediately and after each pause of `seconds`, and `last_steps` once it is stopped.

    A step that raises is logged when it begins to fail, and runs again next time; the other steps go on.
    """

    def __init__(self, seconds: float, steps: Iterable[Step], last_steps: Iterable[Step] = ()) -> None:
        self.seconds = seconds
        self.steps = tuple(steps)
        self.last_steps = tuple(last_steps)
        self._failing: set[Step] = set()
        self._stepping = threading.Lock()
        self._is_paused = False
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=_name_of(*self.steps, *self.last_steps), daemon=True)

    def start(self) -> None:
        """Starts the thread; raises RuntimeError if there can be none."""
        self._thread.start()

    def stop(self) -> None:
        """Asks the loop to end after the current steps and the last ones; does not wait for it."""
        self._is_stopped.set()

    def join(self, timeout_seconds: float) -> None:
        """Waits up to `timeout_seconds` for a stopped loop to end."""
        self._thread.join(timeout_seconds)

    def pause(self) -> None:
        """Waits until no step is running, END_SECONDS at most, and lets none begin until `resume`."""
        self._is_paused = self._stepping.acquire(timeout=END_SECONDS)

    def resume(self) -> None:
        """Lets steps run again."""
        if self._is_paused:
            self._is_paused = False
            self._stepping.release()

    def _run(self) -> None:
        self._run_once(self.steps)
        while not self._is_stopped.wait(self.seconds):
            self._run_once(self.steps)
        self._run_once(self.last_steps)

    def _run_once(self, steps: Iterable[Step]) -> None:
        for step in steps:
            try:
                with self._stepping:
                    step()
            except Exception:
                if step not in self._failing:
                    log.exception(
                        "%s fails in the background; it is tried again every %g s.", _name_of(step), self.seconds
                    )
                self._failing.add(step)
            else:
                self._failing.discard(step)


def _name_of(step: Step, *_: Step) -> str:
    return f"{step.__module__}.{getattr(step, '__qualname__', 'step')}"


def every(seconds: float, *steps: Step, at_the_end: Iterable[Step] = ()) -> Loop:
    """A loop of `steps`. `at_the_end`: steps to run once more at shutdown, to flush what was collected."""
    return Loop(seconds, steps, at_the_end)


def run(make_loops: Callable[[], Iterable[Loop]]) -> None:
    """Starts loops, and stops them when this process exits by itself. Raises RuntimeError if no thread can start.

    Threads do not survive a fork, so a forked child creates and starts its own loops.
    """

    running: list[Loop] = []

    def start() -> None:
        running[:] = loops = tuple(make_loops())
        for loop in loops:
            loop.start()
        when_the_process_ends(lambda: stop(loops))

    def pause() -> None:
        for loop in running:
            loop.pause()

    def resume() -> None:
        for loop in running:
            loop.resume()

    start()
    # A child that is forked in the middle of a step would have the locks of that step for ever.
    os.register_at_fork(before=pause, after_in_parent=resume, after_in_child=start)


def stop(loops: Iterable[Loop]) -> None:
    """Stops the loops and waits for their last steps, at most END_SECONDS for all of them."""
    loops = tuple(loops)
    for loop in loops:
        loop.stop()
    ends = monotonic() + END_SECONDS
    for loop in loops:
        loop.join(max(0.0, ends - monotonic()))


def when_the_process_ends(step: Step) -> None:
    """Runs `step` when this process exits, also in a child that multiprocessing has forked."""
    atexit.register(step)
    # Children of multiprocessing, such as granian's workers, exit without atexit.
    multiprocessing.util.Finalize(None, step, exitpriority=10)
