"""Sends the short calls of many threads over one connection, all that wait in one write; another one if it stalls.

A thread with a connection of its own gives up the interpreter's lock to write, to wait and to read, and Redis is woken
for each call. Here the calls that come during a round trip share the next one.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

from weathernote.redis.connections.connection import Connection, Reply
from weathernote.redis.outages.lost import RedisDown

T = TypeVar("T")

#: What is sent at once stays within the buffers of a socket, and its first reply need not wait long for the last.
MOST_CALLS = 32
#: A call that has not been sent for so long takes the other lane: many round trips, and less than the timeout of one.
STALL_SECONDS = 0.02


class Lane:
    """A place for a connection, used by one thread at a time."""

    __slots__ = ("connection",)

    def __init__(self) -> None:
        self.connection: Connection | None = None


class Call:
    """Packed commands of one thread, how many they are, and their replies once they are there."""

    __slots__ = ("count", "lane", "packed", "replies", "wakes")

    def __init__(self, packed: bytes, count: int) -> None:
        self.packed = packed
        self.count = count
        self.replies: list[Reply] = []
        #: The lane on which its thread is to send all calls that wait; None once another thread has brought `replies`.
        self.lane: Lane | None = None
        self.wakes = threading.Lock()


class Multiplexer:
    """Two lanes, of which the second is for the time when the first stalls, and the calls that wait.

    `exchange` sends the commands of calls over a lane, and returns the replies to all of them in order. It must give as
    many as there are commands, and not raise.
    """

    def __init__(self, exchange: Callable[[Lane, Sequence[Call]], list[Reply]]) -> None:
        self._exchange = exchange
        # Appending and taking are atomic, so that no call waits for a lock of all. A lane that is used is in neither.
        self._lanes = Lane(), Lane()
        self._first, self._second = (deque([lane]) for lane in self._lanes)
        self._waiting: deque[Call] = deque()

    def call(self, packed: bytes, count: int) -> list[Reply]:
        """The replies to `count` packed commands, which are sent once."""
        call = Call(packed, count)
        if lane := _taken(self._first):
            self._lead(lane, call, self._pass_on)
        else:
            self._wait(call)
        return call.replies

    def interrupt(self) -> None:
        """Ends the round trips on both lanes, as their replies are not waited for any more."""
        for lane in self._lanes:
            if connection := lane.connection:
                connection.interrupt()

    def _wait(self, call: Call) -> None:
        """Waits for the replies, or for a lane to lead on."""
        call.wakes.acquire()
        self._waiting.append(call)
        # The lane may have become free before the call was seen to wait.
        if lane := _taken(self._first):
            self._pass_on(lane)
        try:
            while not call.wakes.acquire(timeout=STALL_SECONDS):
                if self._leads_second(call):
                    return
        except BaseException:  # of a signal: the lane that this call may have been given is not lost
            if not self._withdraw(call) and call.lane:
                self._pass_on(call.lane)
            raise
        if call.lane:
            self._lead(call.lane, call, self._pass_on)

    def _leads_second(self, call: Call) -> bool:
        """Leads on the second lane, if that is free and the call still waits."""
        lane = _taken(self._second)
        if lane and self._withdraw(call):
            self._lead(lane, call, self._second.append)
            return True
        if lane:
            self._second.append(lane)
        return False

    def _withdraw(self, call: Call) -> bool:
        """Whether the call still waited to be sent, and does not any more."""
        try:
            self._waiting.remove(call)
        except ValueError:
            return False
        return True

    def _lead(self, lane: Lane, call: Call, leave: Callable[[Lane], None]) -> None:
        """Exchanges the call and all that wait, and leaves the lane before it wakes their threads."""
        calls = [call]
        while len(calls) < MOST_CALLS and (other := _taken(self._waiting)):
            calls.append(other)
        try:
            replies = iter(self._exchange(lane, calls))
            for each in calls:
                each.replies = list(islice(replies, each.count))
        except BaseException:  # nobody may take what is missing for replies
            for each in calls:
                each.replies = [RedisDown("the round trip broke")] * each.count
            raise
        finally:
            leave(lane)
            for other in calls[1:]:
                other.wakes.release()

    def _pass_on(self, lane: Lane) -> None:
        """Gives the first lane to the call that has waited longest; it is free if there is none."""
        free: Lane | None = lane
        while free:
            if heir := _taken(self._waiting):
                heir.lane = free
                heir.wakes.release()
                return
            self._first.append(free)
            # A call may have come to wait just before that, and found no lane.
            free = _taken(self._first) if self._waiting else None


def _taken(queue: deque[T]) -> T | None:
    try:
        return queue.popleft()
    except IndexError:
        return None
