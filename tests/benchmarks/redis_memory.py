"""`python -m tests.benchmarks.redis_memory`: the world's peak in a real server of 512 MB that may evict.

35,000 cells are held, each with its finished /weather and /forecast, and 500,000 clients are counted, all
written by the service's own code. Prints bytes in use, bytes of each kind of record, and evictions.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.benchmarks.measuring import records
from tests.support.servers import Valkey
from weather.core.cells import Cell

NAMES = {"held": "held record", "weather": "/weather answer", "forecast": "/forecast answer"}


def main(cells: int, clients: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(Path(folder), "--maxmemory", "512mb", "--maxmemory-policy", "allkeys-lru")
        try:
            records.set_up(server)
            counts = bytes_of_clients(server, clients)
            print(f"{clients:,} counts: {counts / 1e6:.1f} MB, {counts / clients:.0f} bytes each")
            for kind, total in bytes_of_cells(server, cells).items():
                print(f"{cells:,} times {NAMES[kind]}: {total / 1e6:.1f} MB, {total / cells:.0f} bytes each")
            evicted = server.client.info("stats")["evicted_keys"]
            print(f"in use: {_used(server) / 1e6:.1f} MB of 512 MiB; evicted: {evicted}")
        finally:
            server.stop()


def _used(server: Valkey) -> int:
    return int(server.client.info("memory")["used_memory"])


def bytes_of_clients(server: Valkey, clients: int) -> int:
    """What the counts of so many clients take."""
    before = _used(server)
    _count_clients(clients)
    return _used(server) - before


def bytes_of_cells(server: Valkey, cells: int) -> Counter[str]:
    """What the records of so many cells take, by their kind."""
    world = [Cell(lat * 3 - 560, lon * 14 - 1800) for lat in range(300) for lon in range(250)][:cells]
    totals: Counter[str] = Counter()
    before = _used(server)
    for kind in records.kept(world):
        now = _used(server)
        totals[kind] += now - before
        before = now
    return totals


def _count_clients(clients: int) -> None:
    from ratelimit.identity import hashed
    from ratelimit.throttling import ClientWindowThrottle
    from weathernote import redis

    for begin in range(0, clients, 1000):
        numbers = range(begin, min(begin + 1000, clients))
        # A long window, so that the first counts are still there when the last are made.
        commands = [
            ClientWindowThrottle.script(f"rate_limit:hash:{hashed(f'client {n}')}", 3_600_000, 1, 1) for n in numbers
        ]
        for reply in redis.ask(*commands):
            redis.value(reply)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=35_000)
    parser.add_argument("--clients", type=int, default=500_000)
    arguments = parser.parse_args()
    main(arguments.cells, arguments.clients)
