"""The Redis server or cluster of the settings, which everything that this process sends to Redis goes through."""

import os
import threading
from typing import Any

from django.conf import settings
from redis.asyncio import connection as asyncio_redis
from redis.asyncio.connection import AbstractConnection
from redis.connection import ConnectionPool

from weathernote.redis.cluster import SCHEME, Cluster, credentials
from weathernote.redis.node import Command, Node
from weathernote.redis.resolver import BY_NAME, Resolver

#: Options of redis-py's pools that its cluster does not take.
_FOR_POOLS = frozenset(("max_connections", "retry"))

_server: Node | Cluster | None = None
_making = threading.Lock()  # for assignments: a connection is made by the thread that will use it


def server() -> Node | Cluster:
    """This process's server or cluster, made from the settings at the first call."""
    return _server or _made_once()


def _made_once() -> Node | Cluster:
    global _server
    with _making:
        _server = _server or _from_settings()
        return _server


def _from_settings() -> Node | Cluster:
    cache: dict[str, Any] = settings.CACHES["default"]
    (url,), options = cache["LOCATION"], cache["OPTIONS"]
    timeouts = {name.lower(): options[name] for name in ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT")}
    of_connections = timeouts | options["CONNECTION_POOL_KWARGS"]
    if url.startswith(f"{SCHEME}:"):
        return Cluster(url, {name: value for name, value in of_connections.items() if name not in _FOR_POOLS})
    return _node(ConnectionPool.from_url(url, **of_connections))


def listening_connection(channel: str) -> tuple[Command, AbstractConnection]:
    """A command that subscribes to a channel, and an asyncio connection of its own to send it on; not connected yet.

    May wait a second for a cluster's first map, so call it in a thread; raises RedisDown if nobody serves the channel.
    """
    cache: dict[str, Any] = settings.CACHES["default"]
    (url,), options = cache["LOCATION"], cache["OPTIONS"]
    timeouts = {name.lower(): options[name] for name in ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT")}
    of_connection: dict[str, Any] = timeouts | {"protocol": 2, "driver_info": None}
    target = server()
    if isinstance(target, Cluster):
        host, port = target.address_of(channel)
        # A lost connection may be the first sign of a failover.
        target.note_stale()
        return ("SSUBSCRIBE", channel), asyncio_redis.Connection(
            host=host, port=port, **of_connection | credentials(url)
        )
    pool = asyncio_redis.ConnectionPool.from_url(url, **of_connection)
    return ("SUBSCRIBE", channel), pool.connection_class(**pool.connection_kwargs)


def _node(pool: ConnectionPool) -> Node:
    """A node that makes connections as the pool would, but with host names resolved by Resolver."""
    connection_class, options = pool.connection_class, pool.connection_kwargs
    by_name = BY_NAME.get(connection_class)
    if by_name is None:  # a Unix socket
        return Node("redis", lambda: connection_class(**options))
    resolver = Resolver()
    return Node("redis", lambda: by_name(resolver=resolver, **options))


def reset() -> None:
    """Drops the server with its connections and breakers; for tests, which change the settings."""
    if _server is not None:
        _server.close()
    _disown()


def _disown() -> None:
    global _server, _making
    _making = threading.Lock()
    _server = None


# A forked child must neither use nor close its parent's connections, and does not have its threads.
os.register_at_fork(after_in_child=_disown)
