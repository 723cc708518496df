"""Hears a channel of Redis in an event loop, over one connection of its own that is made again when it breaks."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from random import random
from typing import Any

from redis.asyncio import connection as asyncio_redis
from redis.asyncio.connection import AbstractConnection

from weathernote.redis.client import breakers_by_role, info, is_replicated
from weathernote.redis.outages.lost import BROKEN, RedisDown
from weathernote.redis.servers.by_role import servers_by_role, timeouts, urls
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.roles import Command, Role
from weathernote.redis.servers.slot_map import credentials

log = logging.getLogger(__name__)

#: After so long a silence the server is asked whether it is there.
SILENT_SECONDS = 10.0
#: While the primary is heard, the replica is asked so often whether it is back.
RETURN_SECONDS = 2.0
_REPLY_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 1.0
_MESSAGES = (b"message", b"smessage")
#: A cluster's node says so, and keeps the connection, when the channel's slot moves to another.
_ENDS = (b"unsubscribe", b"sunsubscribe")


class Subscription:
    """Calls `on_message` with each payload, and `on_begin` whenever it begins to hear: before that, some were missed.

    Both are called in the event loop and must not block. The replica is heard, or the primary while the replica
    does not answer or has no connection to it.
    """

    def __init__(self, channel: str, on_message: Callable[[bytes], None], on_begin: Callable[[], None]) -> None:
        self.channel = channel
        self.on_message = on_message
        self.on_begin = on_begin
        self.is_hearing = False
        self._has_warned = False

    async def run(self) -> None:
        """Hears until it is cancelled."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._hear()
            except (*BROKEN, RedisDown) as error:
                if not self._has_warned:
                    log.warning("The channel %s is not heard (%s).", self.channel, type(error).__name__)
                self._has_warned = True
            pause_seconds = _FIRST_PAUSE_SECONDS if self.is_hearing else min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            self.is_hearing = False
            await asyncio.sleep(pause_seconds * (0.5 + random()))  # noqa: S311 - so that not all processes come at once

    async def _hear(self) -> None:
        """Hears until the connection breaks, with one of BROKEN, or another server is to be heard."""
        role = await asyncio.to_thread(_role_to_hear)
        command, connection = await asyncio.to_thread(listening_connection, self.channel, role)
        try:
            await connection.connect()
            await connection.send_command(*command)
            await self._reply(connection)
            await _until_asked_again(role)
            self.is_hearing = True
            if self._has_warned:
                log.warning("The channel %s is heard again.", self.channel)
                self._has_warned = False
            self.on_begin()
            await self._take_while_best(connection, role)
        finally:
            with suppress(*BROKEN):
                await connection.disconnect(nowait=True)

    async def _take_while_best(self, connection: AbstractConnection, role: Role) -> None:
        """Hears until the connection breaks, or another server than the role's is to be heard."""
        if role is Role.PRIMARY:
            log.warning("The channel %s is heard at the primary, as the replica passes nothing on.", self.channel)
        asks_each_seconds = SILENT_SECONDS if role is Role.REPLICA else RETURN_SECONDS
        now = asyncio.get_running_loop().time
        asks_at = now() + asks_each_seconds
        while True:
            self._take(await connection.read_response(timeout=asks_each_seconds) or await self._ping(connection))
            if now() >= asks_at:
                if await asyncio.to_thread(_role_to_hear) is not role:
                    return
                asks_at = now() + asks_each_seconds

    async def _ping(self, connection: AbstractConnection) -> list[bytes]:
        """The next thing that a silent server says, be it no more than that it is there."""
        await connection.send_command("PING", check_health=False)
        return await self._reply(connection)

    async def _reply(self, connection: AbstractConnection) -> list[bytes]:
        reply = await connection.read_response(timeout=_REPLY_SECONDS)
        if not isinstance(reply, list):
            raise ConnectionError("no reply in time")
        return reply

    def _take(self, said: list[bytes]) -> None:
        if said[0] in _MESSAGES:
            self.on_message(said[2])
        elif said[0] in _ENDS:
            raise ConnectionError("the server has ended the subscription")


async def _until_asked_again(role: Role) -> None:
    """Waits, not for long, until this process asks the servers again that have just come back.

    What is looked up before that comes from its memory, and would be taken for all that is known.
    """
    for _ in range(round(_REPLY_SECONDS / _LOOK_SECONDS)):
        states = breakers_by_role()
        if not (states[Role.OWN] or states.get(role)):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def listening_connection(channel: str, role: Role) -> tuple[Command, AbstractConnection]:
    """A command that subscribes to a channel, and an asyncio connection of its own to send it on; not connected yet.

    The role is that of the server to hear: the primary, or the replica, which passes on what is published there. May
    wait a second for a cluster's first map, so call it in a thread; raises RedisDown if nobody serves the channel.
    """
    of_roles = urls()
    url = of_roles[role]
    roles = [other for other in Role if of_roles[other] == url]
    of_connection: dict[str, Any] = timeouts(roles) | {"protocol": 2, "driver_info": None}
    target = servers_by_role()[role]
    if isinstance(target, Cluster):
        host, port = target.address_of(channel)
        # A lost connection may be the first sign of a failover.
        target.note_stale()
        return ("SSUBSCRIBE", channel), asyncio_redis.Connection(
            host=host, port=port, **of_connection | credentials(url)
        )
    pool = asyncio_redis.ConnectionPool.from_url(url, **of_connection)
    return ("SUBSCRIBE", channel), pool.connection_class(**pool.connection_kwargs)


def _role_to_hear() -> Role:
    """The role of the server that is to be heard, by what the replica answers now; may wait for it."""
    if not is_replicated():
        return Role.REPLICA
    told = info(Role.REPLICA)
    if told and all(one.get("master_link_status", "up") == "up" for one in told):
        return Role.REPLICA
    # A replica that is cut off passes on what is published once it has its connection back.
    return Role.REPLICA if told and breakers_by_role()[Role.PRIMARY] else Role.PRIMARY
