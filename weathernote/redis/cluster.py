"""Redis Cluster: redis-py's slot map, refreshed in a thread of its own, and a Node for each master.

If the operator has set `cluster-require-full-coverage no`, a shard that is down costs the replies of its own slots
only. Commands go to masters alone, because counts must be exact; but for the records' replica, of which nothing is
read that must be new: there each slot is read from a node that the URL names, if one serves it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.retry import Retry

from weathernote.redis.connection import Connection, Reply
from weathernote.redis.node import BROKEN, Command, Node, RedisDown, note_lost
from weathernote.redis.resolver import NamedConnection, Resolver

log = logging.getLogger(__name__)

SCHEME = "redis+cluster"
DEFAULT_PORT = 6379

# The least time between two requests for the map, and the time while a node is down: a promoted replica is found soon.
_PAUSE_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 0.1
_FIRST_MAP_SECONDS = 1.0
# For resolving all host names of the URL: half of the time that the first requests wait for the map.
_LOOKUP_SECONDS = 0.5
# Between two requests while all nodes answer: nodes that are replaced one by one are found in time.
_REST_SECONDS = 60
# To a slot's new node, and once more if the slot moves at that moment.
_REDIRECTS = 2

_SCRIPTS = frozenset(("EVAL", "EVALSHA"))
_NO_MAP = (*BROKEN, exceptions.RedisClusterException, LookupError, TypeError)

# The index of a command among the caller's, None for one whose reply is dropped; and the command.
_Job = tuple[int | None, Command]


@dataclass(slots=True)
class Sent:
    """Commands that were sent to their nodes, and the replies that are known before any is read."""

    commands: Sequence[Command]
    replies: list[Reply]
    awaited: list[tuple[Node, list[_Job], Connection | RedisDown]]


class Cluster:
    """Sends each command to the master of its first key, and to all masters before it waits for the first.

    With `must_write` a master that refuses writes counts as down. With `reads_replicas` commands that only read go to
    the nodes that the URL names, where one of them serves the slot.
    """

    def __init__(
        self, url: str, options: dict[str, Any], *, must_write: bool = False, reads_replicas: bool = False
    ) -> None:
        self.must_write = must_write
        self.reads_replicas = reads_replicas
        self._nearby: set[tuple[str, int]] = set()
        self._hosts = list(hosts(url))
        self._options = options | credentials(url)
        self._resolver = Resolver()
        self._redis_py: RedisCluster | None = None
        self._nodes: dict[str, Node] = {}
        self._lock = threading.Lock()  # for a few assignments, never during a round trip
        self._stale = threading.Event()
        self._tried = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._refresh_map_until_closed, name="redis-cluster-map", daemon=True).start()

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

    def refuses(self, command: Command) -> bool:
        """Whether the node for the command is known to be down, or none is known."""
        owner = self._find_owner(command)
        return owner is None or owner.breaker.is_open

    @property
    def is_connected(self) -> bool:
        """Whether this thread has spoken with a node."""
        return any(node.is_connected for node in list(self._nodes.values()))

    def each(self, command: Command) -> dict[str, Reply]:
        """Master's name → its reply to the command, or RedisDown."""
        nodes = self.masters()
        replies: list[Reply] = [None] * len(nodes)
        self._read(self._send_all({node: [(index, command)] for index, node in enumerate(nodes)}), replies)
        return {node.name: reply for node, reply in zip(nodes, replies, strict=True)}

    def masters(self) -> list[Node]:
        """A node for each master in the map, or for the nodes that are read in their place; none without a map."""
        redis_py = self._map()
        if redis_py is None:
            return []
        if self.reads_replicas:
            return [self._node(name) for name in self._names_in_use(redis_py)]
        return [self._node(master.name) for master in redis_py.get_primaries()]

    def address_of(self, key: str) -> tuple[str, int]:
        """Host and port of the node that is asked for the key, or the channel; raises RedisDown while none is known."""
        owner = self._owner(("GET", key))
        if isinstance(owner, RedisDown):
            raise owner
        host, _, port = owner.name.rpartition(":")
        return host, int(port)

    def note_stale(self) -> None:
        """Has the map asked for anew: a connection to a node of it was lost."""
        self._stale.set()

    def client(self) -> RedisCluster:
        """redis-py's client of this cluster, for Django's cache; raises redis-py's ConnectionError without a map."""
        redis_py = self._map()
        if redis_py is None:
            raise exceptions.ConnectionError("no node of the cluster answers")
        return redis_py

    def close(self) -> None:
        """Ends the thread that refreshes the map, and the probes of all nodes."""
        self._closed.set()
        self._stale.set()
        for node in list(self._nodes.values()):
            node.close()

    # ── commands ──────────────────────────────────────────────────────────────────────────────────

    def _send_all(self, jobs: dict[Node, list[_Job]]) -> list[tuple[Node, list[_Job], Connection | RedisDown]]:
        # Nodes that need a handshake come last: the others work on their commands meanwhile.
        order = sorted(jobs.items(), key=lambda job: not job[0].is_connected) if len(jobs) > 1 else jobs.items()
        return [(node, mine, node.send([command for _, command in mine])) for node, mine in order]

    def _read(self, awaited: list[tuple[Node, list[_Job], Connection | RedisDown]], replies: list[Reply]) -> None:
        for node, mine, connection in awaited:
            for (index, _), reply in zip(mine, node.receive(connection, len(mine)), strict=True):
                if index is not None:
                    replies[index] = reply
                if isinstance(reply, exceptions.AskError) and not reply.host:
                    reply.host = node.name.rpartition(":")[0]  # `MOVED 7 :6379` means the host that replied
            if node.breaker.is_open:
                self._stale.set()

    def _redirected(self, commands: Sequence[Command], replies: list[Reply]) -> dict[Node, list[_Job]]:
        jobs: dict[Node, list[_Job]] = {}
        for index, reply in enumerate(replies):
            if isinstance(reply, exceptions.AskError):
                queue = jobs.setdefault(self._node(f"{reply.host}:{reply.port}"), [])
                if isinstance(reply, exceptions.MovedError):
                    self._note_move(reply)
                else:
                    queue.append((None, ("ASKING",)))
                queue.append((index, commands[index]))
            elif isinstance(reply, exceptions.ClusterDownError):
                self._stale.set()
        return jobs

    def _owner(self, command: Command) -> Node | RedisDown:
        owner = self._find_owner(command)
        if owner is not None:
            return owner
        note_lost("unowned", 1)
        self._stale.set()
        return RedisDown("cluster: no node is known for the slot")

    def _find_owner(self, command: Command) -> Node | None:
        redis_py = self._redis_py or self._map()
        try:
            if redis_py is None:
                return None
            if len(command) < 2:  # PING, TIME: any node will do
                return min(self.masters(), key=lambda node: node.breaker.is_open)
            key = command[3] if command[0] in _SCRIPTS else command[1]
            slot = key_slot(key if isinstance(key, bytes) else str(key).encode())
            # Read without redis-py's lock: a new map replaces the old one in one assignment.
            serving = redis_py.nodes_manager.slots_cache[slot]
            return self._nearest(serving) if self.reads_replicas else self._node(serving[0].name)
        except (LookupError, ValueError):
            return None

    def _nearest(self, serving: Sequence[ClusterNode]) -> Node:
        """The node that is read of those that serve a slot, the master first: a replica nearby if it is not down."""
        names = [each.name for each in serving[1:] if self._is_nearby(each)]
        nodes = [self._node(name) for name in (*names, serving[0].name)]
        return next((node for node in nodes if not node.breaker.is_open), nodes[0])

    def _is_nearby(self, node: ClusterNode) -> bool:
        return (node.host, int(node.port)) in self._nearby

    def _names_in_use(self, redis_py: RedisCluster) -> set[str]:
        """The names of the nodes that commands may go to."""
        names = {master.name for master in redis_py.get_primaries()}
        if not self.reads_replicas:
            return names
        read = {node.name for node in redis_py.get_replicas() if self._is_nearby(node)}
        return read or names

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

    # ── the map ───────────────────────────────────────────────────────────────────────────────────

    def _map(self) -> RedisCluster | None:
        if self._redis_py is None:
            # The first requests of a process wait until the first attempt is over; after it nobody waits.
            self._tried.wait(_FIRST_MAP_SECONDS)
        return self._redis_py

    def _note_move(self, moved: exceptions.MovedError) -> None:
        self._stale.set()
        with suppress(LookupError):  # a slot that had no node: the new map has it
            if self._redis_py:
                self._redis_py.nodes_manager.move_slot(moved)

    def _refresh_map_until_closed(self) -> None:
        while not self._closed.is_set():
            self._stale.clear()
            try:
                self._refresh()
            except _NO_MAP as error:
                if not self._tried.is_set():
                    log.warning("Redis cluster: no node answers with its map (%s).", type(error).__name__)
            self._tried.set()
            self._closed.wait(_PAUSE_SECONDS if self._redis_py else _FIRST_PAUSE_SECONDS)
            if self._redis_py and not any(node.breaker.is_open for node in list(self._nodes.values())):
                self._stale.wait(_REST_SECONDS)

    def _refresh(self) -> None:
        if self._redis_py is None:
            self._redis_py = RedisCluster(
                startup_nodes=[ClusterNode(host, port) for host, port in self._startup_places()],
                require_full_coverage=False,
                retry=Retry(NoBackoff(), 0),
                **self._options,
            )
        else:
            # redis-py tries the nodes that it found last; if all of those are gone, these, which the URL names.
            places = list(self._startup_places())
            self._redis_py.nodes_manager.initialize(places, disconnect_startup_nodes_pools=False)
        in_use = self._names_in_use(self._redis_py) | {master.name for master in self._redis_py.get_primaries()}
        with self._lock:
            gone = [self._nodes.pop(name) for name in self._nodes.keys() - in_use]
        for node in gone:
            node.close()

    def _startup_places(self) -> Iterator[tuple[str, int]]:
        """Address and port of the nodes in the URL whose names can be resolved."""
        ends = monotonic() + _LOOKUP_SECONDS
        for host, port in self._hosts:
            self._nearby.add((host, port))
            with suppress(OSError):
                for address in self._resolver.addresses(host, max(0.0, ends - monotonic())):
                    self._nearby.add((address, port))
                    yield address, port


def _ask_to_read(connection: Any) -> None:
    """Connects as redis-py does, and tells a replica that what it has will do."""
    connection.on_connect()
    connection.send_command("READONLY")
    connection.read_response()


def hosts(url: str) -> Iterator[tuple[str, int]]:
    """The host and port pairs of `redis+cluster://[user:password@]host:port,host:port`."""
    for place in url.partition("://")[2].rpartition("@")[2].split(","):
        parts = urlsplit(f"//{place}")
        yield parts.hostname or "", parts.port or DEFAULT_PORT


def credentials(url: str) -> dict[str, str]:
    """`username` and `password` of the URL, unquoted; without a key for one that is missing."""
    user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: word for name, word in given.items() if word}
