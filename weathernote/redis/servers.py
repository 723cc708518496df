"""The server or the cluster that the settings name, by one URL and the options of its connections.

Everything that this process sends to Redis goes through here: lookups and commands by `ask`, Django's cache too.
"""

import os
import threading
from typing import Any

from django.conf import settings
from redis.connection import ConnectionPool

from weathernote.redis.cluster import SCHEME, Cluster
from weathernote.redis.node import Node
from weathernote.redis.resolver import BY_NAME, Resolver

#: What redis-py's pools take and its cluster does not.
_FOR_POOLS = frozenset(("max_connections", "retry"))

_server: Node | Cluster | None = None
_making = threading.Lock()  # for assignments: a connection is made by the thread that will use it


def server() -> Node | Cluster:
    """This process's own, made from the settings when it is first asked for."""
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


def _node(pool: ConnectionPool) -> Node:
    """A node whose connections are of the kind that the pool would make, and take their host's name by Resolver."""
    connection_class, options = pool.connection_class, pool.connection_kwargs
    by_name = BY_NAME.get(connection_class)
    if by_name is None:  # a socket of the file system
        return Node("redis", lambda: connection_class(**options))
    resolver = Resolver()
    return Node("redis", lambda: by_name(resolver=resolver, **options))


def reset() -> None:
    """Forgets the connections and breakers: for tests, which change servers."""
    if _server is not None:
        _server.close()
    _disown()


def _disown() -> None:
    global _server, _making
    _making = threading.Lock()
    _server = None


# The connections of a process that forks are not its child's to use, nor to close, nor are its threads there.
os.register_at_fork(after_in_child=_disown)
