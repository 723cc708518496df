"""Whether servers answer, all asked at the same time: those that hang cost one timeout together."""

import logging
import threading
from collections.abc import Sequence
from time import monotonic
from weakref import WeakSet

from weathernote.redis.connections.connection import Connection, Reply
from weathernote.redis.outages.lost import RedisDown
from weathernote.redis.servers.by_role import servers_by_role, timeout_seconds
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.roles import Command, Role

log = logging.getLogger(__name__)

_PING: Command = ("PING",)
#: First PINGs that had no reply in time: a handshake may take several timeouts, and is not begun anew at each look.
_unfinished: "dict[Node, _Introduction]" = {}
#: Nodes whose PING has raised what no server causes: it is logged once.
_raised: "WeakSet[Node]" = WeakSet()


def are_down(*roles: Role) -> dict[Role, bool]:
    """Role → whether any server of it fails to answer PING; True for a cluster without a map.

    It takes the longest timeout of these roles at most, however many servers hang, and no time for servers whose
    breaker is open.
    """
    by_role = servers_by_role()
    nodes = {role: by_role[role].masters() for role in roles}
    each = dict.fromkeys(node for of_role in nodes.values() for node in of_role)
    replies = _ping(list(each), max(map(timeout_seconds, roles)))
    for role in roles:
        server = by_role[role]
        if isinstance(server, Cluster) and any(node.breaker.is_open for node in nodes[role]):
            server.note_stale()
    return {
        role: not of_role or any(isinstance(replies[node], Exception) for node in of_role)
        for role, of_role in nodes.items()
    }


def _ping(nodes: Sequence[Node], within_seconds: float) -> dict[Node, Reply]:
    """Node → its reply, or an exception in its place."""
    if len(nodes) == 1:
        return {nodes[0]: nodes[0].exchange([_PING])[0]}
    deadline = monotonic() + within_seconds
    introductions = []
    for node in nodes:
        earlier = _unfinished.pop(node, None)
        if earlier and not earlier.is_finished:
            introductions.append(earlier)
            continue
        if earlier:
            earlier.reply(deadline)  # its connection
        if not (node.is_connected or node.breaker.is_open):
            introductions.append(_Introduction(node))
    new = {introduction.node for introduction in introductions}
    sent = [(node, node.send([_PING])) for node in nodes if node not in new]
    replies = {node: node.receive(connection, 1)[0] for node, connection in sent}
    for introduction in introductions:
        replies[introduction.node] = introduction.reply(deadline)
        if not introduction.is_finished:
            _unfinished[introduction.node] = introduction
    return replies


class _Introduction:
    """The first PING over a new connection, in a thread of its own, for a handshake waits for its server."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._reply: Reply = RedisDown(f"{node.name}: no reply in time")
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._ping, name=f"redis-{node.name}-ping", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no thread available
            self._ping()

    def _ping(self) -> None:
        try:
            reply = self.node.exchange([_PING])[0]
        except Exception as error:  # each look would have its thread end so
            if self.node not in _raised:
                log.exception("A PING of Redis %s fails unexpectedly; it counts as down.", self.node.name)
            _raised.add(self.node)
            reply = RedisDown(f"{self.node.name}: {type(error).__name__}")
        self._connection = self.node.hand_over()
        self._reply = reply

    @property
    def is_finished(self) -> bool:
        """Whether the node has replied, or was given up."""
        return not self._thread.is_alive()

    def reply(self, deadline: float) -> Reply:
        """The reply, or RedisDown at the deadline (monotonic); this thread uses the connection from now on."""
        if self._thread.ident:
            self._thread.join(max(0.0, deadline - monotonic()))
        reply = self._reply
        if self._connection is not None and not isinstance(reply, RedisDown):
            self.node.take_over(self._connection)
        return reply
