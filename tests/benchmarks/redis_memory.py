"""`python -m tests.benchmarks.redis_memory`: the world's peak in a real server of 512 MB that may evict.

35,000 cells are held, each with its finished /weather and /forecast, and 500,000 clients are counted, all
written by the service's own code. Prints bytes in use, bytes of each kind of record, and evictions.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import django


def main(cells: int, clients: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.conf import settings

    from tests.servers import Valkey

    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(Path(folder), "--maxmemory", "512mb", "--maxmemory-policy", "allkeys-lru")
        try:
            settings.CACHES["default"]["LOCATION"] = [server.url]
            _fill(server, cells, clients)
        finally:
            server.stop()


def _fill(server: object, cells: int, clients: int) -> None:
    client = server.client  # type: ignore[attr-defined]

    def used() -> int:
        return int(client.info("memory")["used_memory"])

    before = used()
    _count_clients(clients)
    counted = used()
    print(f"{clients:,} counts: {(counted - before) / 1e6:.1f} MB, {(counted - before) / clients:.0f} bytes each")
    records = [0, 0, 0]
    for held, weather, forecast in _keep_cells(cells, used):
        records = [held, weather, forecast]
    names = ("held record", "/weather answer", "/forecast answer")
    for name, bytes_used in zip(names, records, strict=True):
        print(f"{cells:,} times {name}: {bytes_used / 1e6:.1f} MB, {bytes_used / cells:.0f} bytes each")
    print(f"in use: {used() / 1e6:.1f} MB of 512 MiB; evicted: {client.info('stats')['evicted_keys']}")


def _count_clients(clients: int) -> None:
    from ratelimit.identity import hashed
    from ratelimit.throttling import ClientWindowThrottle
    from weathernote import redis

    for begin in range(0, clients, 1000):
        numbers = range(begin, min(begin + 1000, clients))
        # A long window, so that the first counts are still there when the last are made.
        commands = [ClientWindowThrottle.script(f"rate_limit:hash:{hashed(f'client {n}')}", 3_600_000) for n in numbers]
        for reply in redis.ask(*commands):
            redis.value(reply)


def _keep_cells(cells: int, used: Callable[[], int]) -> Iterator[list[int]]:
    from tests.simulator.call import Asked
    from tests.simulator.forecast import joined, place_texts
    from weather import answers
    from weather.answers import Question
    from weather.cells import Cell
    from weather.store import Store
    from weather.validation import read_answer

    now, store = time.time(), Store(hold_seconds=172_800)
    totals = [0, 0, 0]
    world = [Cell(lat * 3 - 560, lon * 14 - 1800) for lat in range(300) for lon in range(250)][:cells]
    for begin in range(0, len(world), 100):
        batch = world[begin : begin + 100]
        query = _query(batch)
        body = json.dumps(json.loads(joined(place_texts(Asked.parse(query), now)))).encode()
        fetched = read_answer(body, batch, now, "simulator")
        steps = [used()]
        store.hold(fetched)  # type: ignore[arg-type]
        steps.append(used())
        for days in (None, 7):
            for cell, series in fetched.items():
                question = Question(cell, days)
                store.finish(question, answers.derive(question, series, now, 3600, stale=False))  # type: ignore[arg-type]
            steps.append(used())
        totals = [total + after - before for total, before, after in zip(totals, steps, steps[1:], strict=False)]
        yield totals


def _query(cells: list) -> str:
    from weather.openmeteo import OpenMeteo

    return OpenMeteo("http://nowhere")._query(cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=35_000)
    parser.add_argument("--clients", type=int, default=500_000)
    arguments = parser.parse_args()
    main(arguments.cells, arguments.clients)
