"""What the service asks of its Redis: bytes of each record, and CPU time of each request.

python -m tests.benchmarks.redis_share [--cells 1000] [--clients 10000]
"""

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks import redis_memory
from tests.benchmarks.cached import Measured
from tests.benchmarks.measuring import records, things
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.support.servers import Valkey

#: An answer's key, text and life without any store: what the bytes are compared with.
_KEYS = {"held": "upstream:*", "weather": "weather:*", "forecast": "forecast:*"}


def bytes_section(folder: Path, *, cells: int = 1_000, clients: int = 10_000) -> Section:
    """In a server of its own."""
    server = Valkey(folder / "redis-share")
    try:
        records.set_up(server)
        counts = redis_memory.bytes_of_clients(server, clients) / clients
        lines = [f"{'':24}{'bytes':>9}   times the text in it", f"{'count of a client':24}{counts:9.0f}"]
        figures = [Figure("bytes of a client's count", counts, "lower", kept=True)]
        for kind, total in redis_memory.bytes_of_cells(server, cells).items():
            each = total / cells
            times = each / _text_bytes(server, _KEYS[kind])
            lines.append(f"{redis_memory.NAMES[kind]:24}{each:9.0f}   {times:.2f}")
            figures.append(Figure(f"bytes of a {redis_memory.NAMES[kind]}", each, "lower", kept=True))
    finally:
        server.stop()
    return Section(f"Redis bytes per record, {cells:,} cells, {clients:,} clients", lines, figures)


def _text_bytes(server: Valkey, pattern: str) -> float:
    keys = list(server.client.scan_iter(pattern, count=1000))[:500]
    is_held = pattern.startswith("upstream")
    return statistics.mean(
        sum(server.client.hstrlen(key, field) for field in server.client.hkeys(key))
        if is_held
        else server.client.strlen(key)
        for key in keys
    )


def cpu_section(measured: Sequence[Measured], peers: Mapping[str, Sequence[Measured]]) -> Section:
    """From the rounds of cached answers: how many instances one server of one core could feed."""
    redis_us = statistics.median(each.redis_us for each in measured)
    cpu_us = statistics.median(each.cpu_us for each in measured)
    feeds = cpu_us / things.WORKERS / redis_us
    lines = [
        f"CPU of Redis                 {redis_us:8.1f}   µs a cached request, × {redis_us / cpu_us:.3f} of ours",
        f"one server, one core, feeds  {feeds:8.1f}   instances of two busy cores",
    ]
    for name, rounds in peers.items():
        times = redis_us / statistics.median(each.redis_us for each in rounds)
        lines.append(f"  × {times:.2f} of what {name} asks of it")
    figures = [Figure("instances that one Redis feeds", feeds, "higher")]
    return Section("Redis' own CPU", lines, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(told(bytes_section(Path(folder), cells=options.cells, clients=options.clients)))


if __name__ == "__main__":
    main()
