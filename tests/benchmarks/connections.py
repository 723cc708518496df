"""10,000 phones that keep their connection and say nothing, while 200 requests a second flow beside them.

    python -m tests.benchmarks.connections [--connections 10000] [--hold-seconds 20]

Each connection asks once when it is opened and once more after the hold, so that it is known to have lived all the
while. The hold is shorter than the 30 s after which the server closes a connection that says nothing; phones then
open a new one. Counted is every answer but 200, beside and on the connections, and every connection that was lost.
"""

import argparse
import asyncio
import contextlib
import resource
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from tests.benchmarks import latency
from tests.benchmarks.measuring import processes, standalone, things, traffic
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.things import Thing
from tests.support.load import Load

CONNECTIONS = 10_000
HOLD_SECONDS = 20
RATE = 200
_AT_ONCE = 100
_TIMEOUT_SECONDS = 10
#: Opening all of them, and asking all of them again, may take so long each.
_PHASE_SECONDS = 30

T = TypeVar("T")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Held(NamedTuple):
    """What became of the connections. `lost` did not open, or did not answer 200 the first or the second time."""

    asked_twice: int
    lost: int
    megabytes: float  # of the server while they are held


@contextlib.contextmanager
def many_files(count: int) -> Iterator[None]:
    """As many open files as are needed on each side, for this process and those that it starts meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 1_000
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"{needed} open files are needed and {hard} are allowed: `ulimit -Hn` says who may raise it.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def hold(thing: Thing, count: int, seconds: float, lines: Sequence[str]) -> Held:
    """Opens the connections, leaves them alone, and asks all of them again."""
    at_once = asyncio.Semaphore(_AT_ONCE)
    opened: list[Connection] = []
    open_at = urlsplit(thing.base)

    async def first(line: str) -> None:
        async with at_once:
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    connection = await asyncio.open_connection(open_at.hostname, open_at.port)
                    if await _asked(connection, line):
                        opened.append(connection)

    async def again(connection: Connection, line: str) -> bool:
        async with at_once:
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    return await _asked(connection, line)
        return False

    await _bounded([first(line) for line in lines[:count]])
    await asyncio.sleep(seconds)
    megabytes = processes.pss_megabytes(thing.pid)
    lived = await _bounded([again(each, line) for each, line in zip(opened, lines, strict=False)])
    for _, writer in opened:
        writer.close()
    return Held(sum(lived), count - sum(lived), megabytes)


async def _bounded(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What came of the work in time; a server that takes no more connections would hold all of it up for long."""
    if not work:
        return []
    done, late = await asyncio.wait([asyncio.create_task(each) for each in work], timeout=_PHASE_SECONDS)
    for task in late:
        task.cancel()
    return [task.result() for task in done]


async def _asked(connection: Connection, line: str) -> bool:
    reader, writer = connection
    path, client = line.split("\t")
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-client-id: {client}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(row[15:]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:"))
    await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 200 ")


def section(thing: Thing, *, count: int = CONNECTIONS, hold_seconds: int = HOLD_SECONDS) -> Section:
    """The instance must have been started within `many_files`."""
    lines = traffic.cached(traffic.WEATHER, seed=7)
    open_seconds = 2 + count // 1_000
    seconds = hold_seconds + 2 * open_seconds
    asks = latency.asks(lines, count, RATE * seconds)
    with Load(thing.base, asks, rate=RATE, seconds=seconds, processes=latency.GENERATORS) as load:
        held = asyncio.run(hold(thing, count, hold_seconds, lines))
        beside = load.answers()
    wrong = len(beside) - beside.statuses()[200]
    p99 = latency.percentile_ms(beside, 99)
    return Section(
        f"{count:,} idle connections for {hold_seconds} s while {RATE} requests a second flow",
        [
            f"lived and answered again     {held.asked_twice:8,}   {held.lost} lost",
            f"beside them                  {len(beside):8,}   requests, {wrong} wrong, p99 {p99:.1f} ms",
            f"memory of the instance       {held.megabytes:8.0f}   MB PSS",
            "The server closes one that says nothing for 30 s, so the hold is shorter; a phone opens a new one.",
        ],
        [
            Figure("idle connections that lived", held.asked_twice, "higher", count),
            Figure("errors on and beside idle connections", held.lost + wrong, "lower", 0),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--hold-seconds", type=int, default=HOLD_SECONDS)
    options = parser.parse_args()
    with ExitStack() as stack:
        stack.enter_context(many_files(options.connections))
        at = stack.enter_context(standalone.filled_setting())
        thing = stack.enter_context(things.instance(at))
        print(told(section(thing, count=options.connections, hold_seconds=options.hold_seconds)))


if __name__ == "__main__":
    main()
