"""Two real instances behind a real edge, which a test may kill and mend."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.edge.edge_server import INSIDE, EdgeServer, edge_before
from tests.support.limits import LIFTED
from tests.support.servers import Instance, Valkey, children_of, eventually, free_port

COLD_CELLS_PER_CLIENT = 30
#: The edge of a test hands over every second, and an instance has counted a quarter of a second later.
HANDED_SECONDS = 1.8


def family_of(pid: int) -> list[int]:
    """The process and all that it started, parents first."""
    return [pid] + [member for child in children_of(pid) for member in family_of(child)]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def settled(count: Callable[[], Any], *, every_seconds: float) -> Any:
    """What `count` gives twice in a row, when so much time lies between."""
    counted: list[Any] = []

    def stands_still() -> bool:
        time.sleep(every_seconds)
        counted.append(count())
        return len(counted) > 1 and counted[-1] == counted[-2]

    eventually(stands_still, within_seconds=60)
    return counted[-1]


class Fleet:
    """Instances on ports that they keep, and the edge before them."""

    def __init__(self, folder: Path, simulator_url: str, **variables: object) -> None:
        self.folder = folder
        with ExitStack() as stack:
            self.valkey = Valkey(folder / "valkey")
            stack.callback(self.valkey.stop)
            self.variables: dict[str, object] = LIFTED | {
                "RATE_LIMIT_REQUESTS": 60,
                "COLD_CELLS_PER_CLIENT_PER_HOUR": COLD_CELLS_PER_CLIENT,
                "REDIS_URL": self.valkey.url,
                "OPEN_METEO_URL": simulator_url,
                "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
                "SECRET_KEY": uuid4().hex,
                "ALLOWED_HOSTS": "127.0.0.1,localhost,weather.example",
                "TRUSTED_PROXY_COUNT": 1,
                "EDGE_ALLOWED_NETWORKS": f"{INSIDE}/32",
                "WORKERS": 2,
                **variables,
            }
            self.ports = [free_port(), free_port()]
            self.instances: dict[int, Instance] = {}
            stack.callback(self._stop)
            self._start_all([0, 1])
            addresses = [f"127.0.0.1:{port}" for port in self.ports]
            self.edge = stack.enter_context(EdgeServer(edge_before(addresses, folder / "edge")))
            self._stack = stack.pop_all()

    def _started(self, number: int) -> Instance:
        folder = self.folder / f"instance-{number}"
        return Instance(folder, **self.variables | {"PORT": self.ports[number]})

    def _start_all(self, numbers: list[int]) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.start, numbers))

    def _stop(self) -> None:
        for instance in self.instances.values():
            instance.stop()

    def start(self, number: int) -> None:
        self.instances[number] = self._started(number)

    def kill(self, number: int) -> None:
        """Every process of the instance at once, with -9."""
        kill(family_of(self.instances[number].pid))
        self.instances[number].popen.wait()

    def workers(self, number: int) -> list[int]:
        """The processes of the instance that serve."""
        family = family_of(self.instances[number].pid)
        return [pid for pid in family if not children_of(pid)]

    def mend(self) -> None:
        """Starts what a test has ended, and has the edge see it."""
        self._start_all([number for number, one in self.instances.items() if one.popen.poll() is not None])
        if self.edge.popen.poll() is not None:
            self.edge.start()
        eventually(lambda: self.edge.get("/health").ok, within_seconds=60, every_seconds=0.2)

    # ── what the instances say ────────────────────────────────────────────────────────────────────

    def samples(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Of both instances, one after the other."""
        for instance in self.instances.values():
            for family in text_string_to_metric_families(instance.get("/metrics").text):
                yield from ((one.labels, one.value) for one in family.samples if one.name == name)

    def requests_counted(self) -> Counter[tuple[str, int]]:
        """Requests by route and status, as both instances know them together."""
        counted: Counter[tuple[str, int]] = Counter()
        for labels, value in self.samples("weathernote_requests_total"):
            counted[labels["route"], int(labels["status"])] += int(value)
        return counted

    def settled_counts(self) -> Counter[tuple[str, int]]:
        """When the edge has nothing more to hand over."""
        return settled(self._counted_but_for_the_asking, every_seconds=HANDED_SECONDS)

    def settled_at_instances(self) -> int:
        """Requests for places that came as far as an instance, when all is counted."""
        return settled(self._looked_up, every_seconds=0.6)

    def _counted_but_for_the_asking(self) -> Counter[tuple[str, int]]:
        counted = self.requests_counted()
        return Counter({key: count for key, count in counted.items() if key[0] not in ("metrics", "health")})

    def _looked_up(self) -> int:
        looked = self.samples("weathernote_cache_lookups_total")
        return sum(int(value) for labels, value in looked if labels["record"] != "upstream")

    def get(self, path: str, **options: Any) -> requests.Response:
        """Through the edge, as a phone of its own unless it says who it is."""
        return self.edge.get(path, client=options.pop("client", uuid4().hex), **options)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
