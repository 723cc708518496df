"""Redis Cluster: a Node for each master in the slot map.

If the operator has set `cluster-require-full-coverage no`, a shard that is down costs the replies of its own slots
only. Commands go to masters alone, because counts must be exact; but for the records' replica, of which nothing is
read that must be new: there each slot is read from a node that the URL names, if one serves it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions
from redis.cluster import RedisCluster
from redis.crc import key_slot

from weathernote.redis.connections.connection import Reply
from weathernote.redis.connections.resolver import NamedConnection, Resolver
from weathernote.redis.connections.sent import Sent as SentToNode
from weathernote.redis.outages.lost import RedisDown, note_lost
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.roles import Command
from weathernote.redis.servers.slot_map import SlotMap, credentials

# To a slot's new node, and once more if the slot moves at that moment.
_REDIRECTS = 2

_SCRIPTS = frozenset(("EVAL", "EVALSHA"))

# The index of a command among the caller's, None for one whose reply is dropped; and the command.
_Job = tuple[int | None, Command]
_Awaited = tuple[Node, list[_Job], SentToNode]


@dataclass(slots=True)
class Sent:
    """Commands that were sent to their nodes, and the replies that are known before any is read."""

    commands: Sequence[Command]
    replies: list[Reply]
    awaited: list[_Awaited]


class Cluster:
    """Sends each command to the master of its first key, and to all masters before it waits for the first.

    With `must_write` a master that refuses writes counts as down. With `reads_replicas` commands, which must only read,
    go to the nodes that the URL names, where one of them serves the slot.
    """

    def __init__(
        self, url: str, options: dict[str, Any], *, must_write: bool = False, reads_replicas: bool = False
    ) -> None:
        self.must_write = must_write
        self.reads_replicas = reads_replicas
        self._options = options | credentials(url)
        self._resolver = Resolver()
        self._nodes: dict[str, Node] = {}
        self._lock = threading.Lock()  # for a few assignments, never during a round trip
        self._map = SlotMap(
            url,
            self._options,
            self._resolver,
            reads_replicas=reads_replicas,
            is_any_down=self._is_any_down,
            on_new=self._keep_only,
        )

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """A reply for each command; one to a slot that moved is sent to its new node, as it did not run on the old."""
        return self.receive(self.send(commands), len(commands))

    def send(self, commands: Sequence[Command]) -> Sent:
        """Sends the commands to their nodes; a caller can send to other servers before it calls `receive`."""
        replies: list[Reply] = [None] * len(commands)
        jobs: dict[Node, list[_Job]] = {}
        for index, command in enumerate(commands):
            owner = self._owner(command)
            if isinstance(owner, RedisDown):
                replies[index] = owner
            else:
                jobs.setdefault(owner, []).append((index, command))
        return Sent(commands, replies, self._send_all(jobs))

    def receive(self, sent: Sent, count: int) -> list[Reply]:
        """The replies to the `count` commands that were sent."""
        commands, replies, awaited = sent.commands, sent.replies, sent.awaited
        for _ in range(_REDIRECTS):
            self._read(awaited, replies)
            jobs = self._redirected(commands, replies)
            if not jobs:
                return replies
            awaited = self._send_all(jobs)
        self._read(awaited, replies)
        return replies

    def each(self, command: Command) -> dict[str, Reply]:
        """Node's name → its reply to the command, or RedisDown."""
        nodes = self.masters()
        replies: list[Reply] = [None] * len(nodes)
        self._read(self._send_all({node: [(index, command)] for index, node in enumerate(nodes)}), replies)
        return {node.name: reply for node, reply in zip(nodes, replies, strict=True)}

    def masters(self) -> list[Node]:
        """A node for each master in the map, or for the nodes that are read in their place; none without a map."""
        return [self._node(name) for name in sorted(self._map.names_to_ask())]

    def refuses(self, command: Command) -> bool:
        """Whether the node for the command is known to be down, or none is known."""
        owner = self._find_owner(command)
        return owner is None or owner.refuses(command)

    @property
    def is_connected(self) -> bool:
        """Whether this thread has spoken with a node."""
        return any(node.is_connected for node in list(self._nodes.values()))

    def address_of(self, key: str) -> tuple[str, int]:
        """Host and port of the node that is asked for the key, or the channel; raises RedisDown while none is known."""
        owner = self._owner(("GET", key))
        if isinstance(owner, RedisDown):
            raise owner
        host, _, port = owner.name.rpartition(":")
        return host, int(port)

    def note_stale(self) -> None:
        """Has the map asked for anew: a connection to a node of it was lost."""
        self._map.note_stale()

    def client(self) -> RedisCluster:
        """redis-py's client of this cluster, for Django's cache; raises redis-py's ConnectionError without a map."""
        redis_py = self._map.client()
        if redis_py is None:
            raise exceptions.ConnectionError("no node of the cluster answers")
        return redis_py

    def close(self) -> None:
        """Ends the thread that refreshes the map, and the probes of all nodes."""
        self._map.close()
        for node in list(self._nodes.values()):
            node.close()

    # ── commands ──────────────────────────────────────────────────────────────────────────────────

    def _send_all(self, jobs: dict[Node, list[_Job]]) -> list[_Awaited]:
        # Nodes that need a handshake come last: the others work on their commands meanwhile.
        order = sorted(jobs.items(), key=lambda job: not job[0].is_connected) if len(jobs) > 1 else jobs.items()
        return [(node, mine, node.send([command for _, command in mine])) for node, mine in order]

    def _read(self, awaited: list[_Awaited], replies: list[Reply]) -> None:
        for node, mine, connection in awaited:
            for (index, _), reply in zip(mine, node.receive(connection, len(mine)), strict=True):
                if index is not None:
                    replies[index] = reply
                if isinstance(reply, exceptions.AskError) and not reply.host:
                    reply.host = node.name.rpartition(":")[0]  # `MOVED 7 :6379` means the host that replied
            if node.breaker.is_open:
                self._map.note_stale()

    def _redirected(self, commands: Sequence[Command], replies: list[Reply]) -> dict[Node, list[_Job]]:
        jobs: dict[Node, list[_Job]] = {}
        for index, reply in enumerate(replies):
            if isinstance(reply, exceptions.AskError):
                queue = jobs.setdefault(self._node(f"{reply.host}:{reply.port}"), [])
                if isinstance(reply, exceptions.MovedError):
                    self._map.note_move(reply)
                else:
                    queue.append((None, ("ASKING",)))
                queue.append((index, commands[index]))
            elif isinstance(reply, exceptions.ClusterDownError):
                self._map.note_stale()
        return jobs

    def _owner(self, command: Command) -> Node | RedisDown:
        owner = self._find_owner(command)
        if owner is not None:
            return owner
        note_lost("unowned", 1)
        self._map.note_stale()
        return RedisDown("cluster: no node is known for the slot")

    def _find_owner(self, command: Command) -> Node | None:
        try:
            if len(command) < 2:  # PING, TIME: any node will do
                return min(self.masters(), key=lambda node: node.breaker.is_open)
            key = command[3] if command[0] in _SCRIPTS else command[1]
            names = self._map.names_for(key_slot(key if isinstance(key, bytes) else str(key).encode()))
        except (LookupError, ValueError):
            return None
        first, *others = map(self._node, names)
        return next((node for node in (first, *others) if not node.breaker.is_open), first)

    # ── nodes ─────────────────────────────────────────────────────────────────────────────────────

    def _node(self, name: str) -> Node:
        node = self._nodes.get(name)
        if node is None:
            with self._lock:
                made = Node(name, self._connection_to(name), must_write=self.must_write)
                node = self._nodes.setdefault(name, made)
        return node

    def _connection_to(self, name: str) -> Callable[[], NamedConnection]:
        host, _, port = name.rpartition(":")
        options = self._options | ({"redis_connect_func": _ask_to_read} if self.reads_replicas else {})
        return lambda: NamedConnection(resolver=self._resolver, host=host, port=int(port), **options)

    def _is_any_down(self) -> bool:
        return any(node.breaker.is_open for node in list(self._nodes.values()))

    def _keep_only(self, names: set[str]) -> None:
        """Forgets the nodes that are not in the map any more."""
        with self._lock:
            gone = [self._nodes.pop(name) for name in self._nodes.keys() - names]
        for node in gone:
            node.close()


def _ask_to_read(connection: Any) -> None:
    """Connects as redis-py does, and tells a replica that what it has will do."""
    connection.on_connect()
    connection.send_command("READONLY")
    connection.read_response()
