"""A real Redis Cluster on free ports, with a replica for each master, from the same binary as `make run`."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.support.servers import Valkey, eventually, free_port

MASTERS = 3


class RedisCluster:
    """Three shards, each a master and a replica; after a failover `master_of` and `replica_of` tell which is which."""

    def __init__(self, folder: Path, *, node_timeout_ms: int = 2000) -> None:
        self.nodes: list[Valkey] = []
        self.away: set[Valkey] = set()
        buses = []
        try:
            for number in range(2 * MASTERS):
                buses.append(free_port())
                options = [
                    *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
                    *("--cluster-port", str(buses[-1]), "--cluster-node-timeout", str(node_timeout_ms)),
                    # A shard that is lost must not take the others with it: the operator's part of the promise.
                    *("--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"),
                    *("--repl-diskless-sync-delay", "0"),
                ]
                self.nodes.append(Valkey(folder / f"node-{number}", *options))
            self._join(buses)
        except BaseException:
            self.stop()
            raise

    def _join(self, buses: list[int]) -> None:
        masters, replicas = self.nodes[:MASTERS], self.nodes[MASTERS:]
        for number, master in enumerate(masters):
            first, past = (REDIS_CLUSTER_HASH_SLOTS * (number + i) // MASTERS for i in (0, 1))
            command(master, "ADDSLOTSRANGE", first, past - 1)
            command(master, "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(self.nodes, buses, strict=True):
            command(self.nodes[0], "MEET", "127.0.0.1", node.port, bus)
        eventually(lambda: all(len(_view(node)) == len(self.nodes) for node in self.nodes), within_seconds=60)
        for master, replica in zip(masters, replicas, strict=True):
            command(replica, "REPLICATE", command(master, "MYID"))
        self.wait_until_well()

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def present(self) -> list[Valkey]:
        return [node for node in self.nodes if node not in self.away]

    def wait_until_well(self) -> None:
        """Every node is there, each replica follows its master, and all are of one mind about the slots."""
        eventually(self._is_well, within_seconds=90, every_seconds=0.1)

    def _is_well(self) -> bool:
        links = [role(node).get("master_link_status", "") for node in self.nodes]
        views = [_view(node) for node in self.nodes]
        return (
            sorted(links) == [""] * MASTERS + ["up"] * MASTERS
            and len(views[0]) == len(self.nodes)
            and all(view == views[0] for view in views)
        )

    # ── who is who ────────────────────────────────────────────────────────────────────────────────

    def masters(self) -> list[Valkey]:
        return [node for node in self.present() if role(node)["role"] == "master"]

    def master_of(self, key: str) -> Valkey:
        slot = key_slot(key.encode())
        return next(node for node in self.masters() if any(first <= slot <= last for first, last in _slots(node)))

    def replica_of(self, master: Valkey) -> Valkey:
        return next(node for node in self.present() if role(node).get("master_port") == master.port)

    def keys_of(self, master: Valkey, pattern: str) -> Iterator[str]:
        """Keys that the master serves, endlessly: the pattern with a number in it."""
        ranges, number = _slots(master), 0
        while True:
            key = pattern.format(number)
            if any(first <= key_slot(key.encode()) <= last for first, last in ranges):
                yield key
            number += 1

    # ── what befalls it ───────────────────────────────────────────────────────────────────────────

    def kill(self, *nodes: Valkey) -> None:
        self.away |= set(nodes)
        for node in nodes:
            node.kill()

    def hang(self, *nodes: Valkey) -> None:
        self.away |= set(nodes)
        for node in nodes:
            node.signal(signal.SIGSTOP)

    def mend(self) -> None:
        """Brings back whoever is away, and waits until all is well."""
        for node in list(self.away):
            if node.popen.poll() is None:
                node.signal(signal.SIGCONT)
            else:
                node.start()
        self.away.clear()
        self.wait_until_well()

    def move(self, slot: int, source: Valkey, target: Valkey) -> None:
        """Moves a slot with its keys as an operator's tool does, step by step and while it is used."""
        command(target, "SETSLOT", slot, "IMPORTING", command(source, "MYID"))
        command(source, "SETSLOT", slot, "MIGRATING", command(target, "MYID"))
        while keys := command(source, "GETKEYSINSLOT", slot, 100):
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *self.masters()):
            command(node, "SETSLOT", slot, "NODE", command(target, "MYID"))

    def stop(self) -> None:
        for node in self.nodes:
            with suppress(ProcessLookupError):
                node.signal(signal.SIGCONT)
            node.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def command(node: Valkey, *words: Any) -> Any:
    return node.client.execute_command(f"CLUSTER {words[0]}", *words[1:])


def role(node: Valkey) -> dict[str, Any]:
    told: dict[str, Any] = node.client.info("replication")
    return told


def _view(node: Valkey) -> dict[str, tuple[str, str, str]]:
    """Node → (flags, its master, its slots), as this node sees them; empty while one is missing or failing."""
    nodes = command(node, "NODES").values()
    if any("fail" in each["flags"] or "handshake" in each["flags"] for each in nodes):
        return {}
    return {
        each["node_id"]: (each["flags"].removeprefix("myself,"), each["master_id"], str(each["slots"]))
        for each in nodes
    }


def _slots(master: Valkey) -> list[tuple[int, int]]:
    told = next(each for each in command(master, "NODES").values() if "myself" in each["flags"])
    return [(int(span[0]), int(span[-1])) for span in told["slots"]]
