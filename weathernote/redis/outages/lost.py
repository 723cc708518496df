"""Commands that got no usable reply: what callers get in its place, and who is told."""

from collections.abc import Callable

import hiredis
from redis import exceptions

#: What a connection may fail with: network errors, refusals at the handshake, replies that cannot be parsed.
BROKEN = (exceptions.RedisError, hiredis.HiredisError, OSError, ValueError)

#: Listeners, called with a reason and a number of commands that got no usable reply: breaker_open, timeout,
#: disconnected, invalid_reply (it cannot be parsed), unusable (the server admits nobody, or loads its data), unowned
#: (no node is known for the slot), refused (this one command).
on_lost: list[Callable[[str, int], None]] = []


class RedisDown(Exception):
    """Redis gave no usable reply: it is down, slow, full, read-only or garbled, or its breaker is open.

    `remedy` says what to do where the server is there and cannot be used, with `{url}` for the setting of its URL.
    """

    def __init__(self, text: str = "", remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


def note_lost(reason: str, commands: int) -> None:
    """Reports commands that got no usable reply to the listeners in `on_lost`."""
    for note in on_lost:
        note(reason, commands)
