"""How the threads of a process share it."""

import sys
import time

#: How long a thread may wait for one that does not give way. Python's own 5 ms pass at each of the five or so steps at
#: which a request needs the interpreter; below half a millisecond switching costs more than it gains.
_SWITCH_SECONDS = 0.0005
#: About what a request needs to be answered, once what it waits for is there.
_ANSWER_SECONDS = 0.0005


def share_evenly() -> None:
    """Has the threads of this process wait for each other no longer than a part of a request takes."""
    sys.setswitchinterval(_SWITCH_SECONDS)


def give_way() -> None:
    """Lets another thread run at once, and not only when the time to switch has come."""
    time.sleep(0)


def let_answer() -> None:
    """Lets a thread that was woken answer its request before the next one is woken."""
    time.sleep(_ANSWER_SECONDS)
