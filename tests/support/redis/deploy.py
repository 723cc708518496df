"""Redis servers started from the files of deploy/redis/ and deploy/regions/, changed only in folders and ports."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.retry import Retry

from tests.support.servers import TOP, Process, eventually, free_port
from weathernote.runtime.local_servers import redis_binary

FILES = TOP / "deploy" / "redis"
OF_REGIONS = TOP / "deploy" / "regions"


def make_users(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs deploy/redis/make_users.py to its end, whatever its exit code."""
    return subprocess.run(
        [sys.executable, str(FILES / "make_users.py"), str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )


class Secured(Process):
    """A server with access control, started from the file `name` of deploy/redis/; `users` is a folder with its ACL."""

    def __init__(self, folder: Path, name: str, *options: str, users: Path | None = None) -> None:
        self.folder, self.name, self.options = folder, name, options
        folder.mkdir(parents=True, exist_ok=True)
        self.users = users or folder / "users"
        if users is None:
            self.users.mkdir()
            (self.users / "said").write_text(make_users(self.users, *_FOR[name]).stdout)
        said = (self.users / "said").read_text()
        self.password = said.partition("weathernote:")[2].partition("@")[0]
        self.admin_password = said.partition("--pass ")[2].strip()
        self.port = free_port()
        self.start()

    def start(self) -> None:
        for file in (*FILES.glob("*.conf"), *OF_REGIONS.glob("*.conf")):
            (self.folder / file.name).write_text(self._fitted(file.read_text()))
        command = [self.binary(), str(self.folder / self.name), *self.ports(), *self.options]
        super().__init__(command, self.folder / "server.log")
        self.admin = self.client("admin", self.admin_password)
        try:
            eventually(self.admin.ping, within_seconds=60)
        except BaseException:
            self.stop()
            raise AssertionError(f"it did not start:\n{self.said()}") from None

    def binary(self) -> str:
        return redis_binary()

    def ports(self) -> tuple[str, ...]:
        return "--port", str(self.port)

    def _fitted(self, text: str) -> str:
        text = text.replace("/etc/redis/users.acl", str(self.users / "users.acl"))
        text = text.replace("/etc/redis/replication.conf", str(self.users / "replication.conf"))
        return text.replace("/etc/redis", str(self.folder)).replace("/var/lib/redis", str(self.folder))

    def client(self, user: str = "", password: str = "") -> redis.Redis:
        return redis.Redis(
            port=self.port,
            username=user or None,
            password=password or None,
            decode_responses=True,
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )

    @property
    def url(self) -> str:
        return f"redis://weathernote:{self.password}@127.0.0.1:{self.port}/0"

    def refusals(self) -> list[Any]:
        """What the access rules have refused so far."""
        return list(self.admin.acl_log())


_FOR = {
    "redis.conf": (),
    "redis-cluster.conf": ("--cluster",),
    "records.conf": ("--replicas",),
    "replica.conf": ("--replicas",),
}


class SecuredCluster:
    """Three masters and a replica of each, from redis-cluster.conf; one set of users for all."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.nodes: list[Secured] = []
        try:
            for number in range(6):
                users = self.nodes[0].users if self.nodes else None
                own = (*options, "--cluster-port", str(free_port()))
                self.nodes.append(Secured(folder / f"node-{number}", "redis-cluster.conf", *own, users=users))
            self._join()
        except BaseException:
            self.stop()
            raise

    def _join(self) -> None:
        first, masters, replicas = self.nodes[0], self.nodes[:3], self.nodes[3:]
        for number, master in enumerate(masters):
            begin, past = (REDIS_CLUSTER_HASH_SLOTS * (number + i) // 3 for i in (0, 1))
            master.admin.execute_command("CLUSTER ADDSLOTSRANGE", begin, past - 1)
            master.admin.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes:
            bus = node.admin.config_get("cluster-port")["cluster-port"]
            first.admin.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
        eventually(lambda: all(_knows_all(node) for node in self.nodes), within_seconds=60)
        for master, replica in zip(masters, replicas, strict=True):
            replica.admin.execute_command("CLUSTER REPLICATE", master.admin.execute_command("CLUSTER MYID"))
        eventually(self.is_well, within_seconds=90)

    def is_well(self) -> bool:
        """Every replica has signed in to its master and follows it, and all slots are served."""
        told = [node.admin.info() for node in self.nodes]
        states = [node.admin.execute_command("CLUSTER INFO")["cluster_state"] for node in self.nodes]
        links = [one.get("master_link_status") for one in told if one["role"] == "slave"]
        return links == ["up"] * 3 and set(states) == {"ok"}

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://weathernote:{self.nodes[0].password}@{places}"

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()


def _knows_all(node: Secured) -> bool:
    told = node.admin.execute_command("CLUSTER NODES").values()
    return len(told) == 6 and not any("fail" in one["flags"] or "handshake" in one["flags"] for one in told)
