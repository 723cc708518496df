"""How the threads of one process take turns at the interpreter."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: How long a thread waits for one that does long work and does not give way. Python's own 5 ms would pass at each of
#: the five or so steps at which a request needs the interpreter.
_SECONDS_BESIDE_LONG_WORK = 0.0005
#: About what a request needs to be answered, once what it waits for is there.
_ANSWER_SECONDS = 0.0005

_usual_seconds = sys.getswitchinterval()
_counting = threading.Lock()
_at_work = 0


@contextmanager
def long_work() -> Iterator[None]:
    """In the block, which takes many milliseconds, the threads of this process switch ten times as often.

    Not at other times: among cached answers alone, to switch more often costs more than it gains.
    """
    _count_work(1)
    try:
        yield
    finally:
        _count_work(-1)


def _count_work(change: int) -> None:
    global _at_work
    with _counting:
        _at_work += change
        sys.setswitchinterval(_SECONDS_BESIDE_LONG_WORK if _at_work else _usual_seconds)


def give_way() -> None:
    """Lets another thread run at once, and not only when the time to switch has come."""
    time.sleep(0)


def let_answer() -> None:
    """Lets a thread that was woken answer its request before the next one is woken."""
    time.sleep(_ANSWER_SECONDS)
