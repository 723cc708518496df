"""A cluster's slot map, which redis-py reads: kept up to date in a thread of its own, so that no request waits."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry

from weathernote.redis.connections.resolver import Resolver
from weathernote.redis.outages.lost import BROKEN

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

_NO_MAP = (*BROKEN, exceptions.RedisClusterException, LookupError, TypeError)


class SlotMap:
    """Which node serves a slot, by its name. With `reads_replicas` those that the URL names come before the master.

    `is_any_down` says whether a node is known to be down, and has the map asked for again and again; `on_new` is
    called with the names of all nodes that are in use whenever a map has come.
    """

    def __init__(
        self,
        url: str,
        options: dict[str, Any],
        resolver: Resolver,
        *,
        reads_replicas: bool,
        is_any_down: Callable[[], bool],
        on_new: Callable[[set[str]], None],
    ) -> None:
        self.reads_replicas = reads_replicas
        self._hosts = list(hosts(url))
        self._options = options
        self._resolver = resolver
        self._is_any_down = is_any_down
        self._on_new = on_new
        self._nearby: set[tuple[str, int]] = set()
        self._redis_py: RedisCluster | None = None
        self._stale = threading.Event()
        self._tried = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._refresh_until_closed, name="redis-cluster-map", daemon=True).start()

    def client(self) -> RedisCluster | None:
        """redis-py's client of the cluster, which holds the map; None without one."""
        if self._redis_py is None:
            # The first requests of a process wait until the first attempt is over; after it nobody waits.
            self._tried.wait(_FIRST_MAP_SECONDS)
        return self._redis_py

    def names_for(self, slot: int) -> list[str]:
        """The names of the nodes to ask about a slot, the first before the others; raises LookupError for none."""
        redis_py = self._redis_py or self.client()
        if redis_py is None:
            raise LookupError("there is no map")
        # Read without redis-py's lock: a new map replaces the old one in one assignment.
        master, *replicas = redis_py.nodes_manager.slots_cache[slot]
        nearby = [replica.name for replica in replicas if self._is_nearby(replica)] if self.reads_replicas else []
        return [*nearby, master.name]

    def names_to_ask(self) -> set[str]:
        """The names of the nodes that commands go to while all is well; none without a map."""
        redis_py = self.client()
        if redis_py is None:
            return set()
        nearby = {node.name for node in redis_py.get_replicas() if self._is_nearby(node)}
        return nearby if nearby and self.reads_replicas else {master.name for master in redis_py.get_primaries()}

    def note_stale(self) -> None:
        """Has the map asked for anew."""
        self._stale.set()

    def note_move(self, moved: exceptions.MovedError) -> None:
        """Takes over where a slot has gone, and has the map asked for anew."""
        self._stale.set()
        with suppress(LookupError):  # a slot that had no node: the new map has it
            if self._redis_py:
                self._redis_py.nodes_manager.move_slot(moved)

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        self._stale.set()

    def _is_nearby(self, node: ClusterNode) -> bool:
        return (node.host, int(node.port)) in self._nearby

    def _refresh_until_closed(self) -> None:
        has_raised = False
        while not self._closed.is_set():
            self._stale.clear()
            try:
                self._refresh()
            except _NO_MAP as error:
                if not self._tried.is_set():
                    log.warning("Redis cluster: no node answers with its map (%s).", type(error).__name__)
            except Exception:  # without this thread the process would keep an old map for good
                if not has_raised:
                    log.exception("Redis cluster: asking for its map fails unexpectedly; it is tried again.")
                has_raised = True
            self._tried.set()
            self._closed.wait(_PAUSE_SECONDS if self._redis_py else _FIRST_PAUSE_SECONDS)
            if self._redis_py and not self._is_any_down():
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
        nodes = self._redis_py.get_nodes() if self.reads_replicas else self._redis_py.get_primaries()
        self._on_new({node.name for node in nodes})

    def _startup_places(self) -> Iterator[tuple[str, int]]:
        """Address and port of the nodes in the URL whose names can be resolved."""
        ends = monotonic() + _LOOKUP_SECONDS
        for host, port in self._hosts:
            self._nearby.add((host, port))
            with suppress(OSError):
                for address in self._resolver.addresses(host, max(0.0, ends - monotonic())):
                    self._nearby.add((address, port))
                    yield address, port


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
