"""The Redis servers or clusters of the settings, by role; all that this process sends to Redis goes through them."""

import os
import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from redis.connection import ConnectionPool

from weathernote.redis.connections.resolver import BY_NAME, Resolver
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.regional import Regional
from weathernote.redis.servers.roles import Role
from weathernote.redis.servers.slot_map import SCHEME

#: Options of redis-py's pools that its cluster does not take.
_FOR_POOLS = frozenset(("max_connections", "retry"))

#: The names of servers in logs. What has several roles is called by the first of these.
_NAMES = {Role.OWN: "redis", Role.PRIMARY: "primary", Role.REPLICA: "replica"}

_server: Node | Cluster | Regional | None = None
_by_role: Mapping[Role, Node | Cluster] = {}
_making = threading.Lock()  # for assignments: a connection is made by the thread that will use it


def server() -> Node | Cluster | Regional:
    """This process's server or cluster, or several by role; made from the settings at the first call."""
    return _server or _made_once()


def servers_by_role() -> Mapping[Role, Node | Cluster]:
    """The server or cluster of each role; roles with the same URL have the same."""
    server()
    return _by_role


def urls() -> dict[Role, str]:
    """The URL of each role. Without one of its own the primary is the region's own, and the replica the primary."""
    (own,) = settings.CACHES["default"]["LOCATION"]
    primary = settings.RECORDS_REDIS_URL or own
    return {Role.OWN: own, Role.PRIMARY: primary, Role.REPLICA: settings.RECORDS_REPLICA_URL or primary}


def _made_once() -> Node | Cluster | Regional:
    global _server, _by_role
    with _making:
        made = _server or _from_settings()
        _by_role = made.by_role if isinstance(made, Regional) else dict.fromkeys(Role, made)
        _server = made
        return made


def _from_settings() -> Node | Cluster | Regional:
    of_roles = urls()
    roles: dict[str, list[Role]] = {}
    for role, url in of_roles.items():
        roles.setdefault(url, []).append(role)
    made = {url: _made(url, of_url) for url, of_url in roles.items()}
    if len(made) == 1:
        return made[of_roles[Role.OWN]]
    return Regional({role: made[url] for role, url in of_roles.items()})


def _made(url: str, roles: list[Role]) -> Node | Cluster:
    """A server or cluster for these roles."""
    cache: dict[str, Any] = settings.CACHES["default"]
    of_connections = timeouts(roles) | cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]
    must_write = Role.PRIMARY in roles
    if url.startswith(f"{SCHEME}:"):
        options = {name: value for name, value in of_connections.items() if name not in _FOR_POOLS}
        return Cluster(url, options, must_write=must_write, reads_replicas=roles == [Role.REPLICA])
    pool = ConnectionPool.from_url(url, **of_connections)
    return _node(_NAMES[roles[0]], pool, must_write=must_write, is_shared=Role.OWN in roles)


def timeouts(roles: list[Role]) -> dict[str, Any]:
    """The timeouts of a connection; those of a primary that is nothing else here, as it may be far away."""
    cache: dict[str, Any] = settings.CACHES["default"]
    of_all = {name.lower(): cache["OPTIONS"][name] for name in ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT")}
    if roles[0] is Role.PRIMARY:
        return {name: max(seconds, settings.RECORDS_REDIS_TIMEOUT_SECONDS) for name, seconds in of_all.items()}
    return of_all


def timeout_seconds(role: Role) -> float:
    """How long a reply of the role's server is waited for."""
    of_roles = urls()
    return float(timeouts([other for other in Role if of_roles[other] == of_roles[role]])["socket_timeout"])


def _node(name: str, pool: ConnectionPool, *, must_write: bool, is_shared: bool) -> Node:
    """A node that makes connections as the pool would, but with host names resolved by Resolver."""
    connection_class, options = pool.connection_class, pool.connection_kwargs
    by_name = BY_NAME.get(connection_class)
    if by_name is None:  # a Unix socket
        return Node(name, lambda: connection_class(**options), must_write=must_write, is_shared=is_shared)
    resolver = Resolver()
    return Node(name, lambda: by_name(resolver=resolver, **options), must_write=must_write, is_shared=is_shared)


def reset() -> None:
    """Drops the servers with their connections and breakers; for tests, which change the settings."""
    if _server is not None:
        _server.close()
    _disown()


def _disown() -> None:
    global _server, _making
    _making = threading.Lock()
    _server = None


# A forked child must neither use nor close its parent's connections, and does not have its threads.
os.register_at_fork(after_in_child=_disown)
