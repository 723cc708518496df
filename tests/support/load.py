"""An open loop: requests at a fixed rate from several processes, however slowly they are answered.

    python -m tests.support.load http://127.0.0.1:8000 '/api/v1/weather?lat=40.7&lon=-74.0' --rate 200 --seconds 10

A request's latency counts from the moment when it was due, so a service that stalls cannot hide it.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Self
from urllib.parse import urlsplit

_START_SECONDS = 1.5
_TIMEOUT_SECONDS = 15

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ask(NamedTuple):
    """A request: its path, its x-client-id (empty: none), and a label for `Answers.of`."""

    path: str
    client: str = ""
    kind: str = ""


class Answered(NamedTuple):
    """Status 0 is an answer that never came. `cache` is the word of Cache-Status: hit, fwd=miss, fwd=stale."""

    at_seconds: float
    latency_seconds: float
    status: int
    cache: str
    kind: str


@dataclass(frozen=True)
class Answers:
    """What came back, in the order in which it was due; seconds count from the first that was due."""

    answers: Sequence[Answered]

    def __len__(self) -> int:
        return len(self.answers)

    def between(self, first_second: float, last_second: float) -> "Answers":
        return Answers([each for each in self.answers if first_second <= each.at_seconds < last_second])

    def of(self, kind: str) -> "Answers":
        return Answers([each for each in self.answers if each.kind == kind])

    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in self.answers)

    def failures(self) -> int:
        """5xx, and answers that never came."""
        return sum(each.status == 0 or each.status >= 500 for each in self.answers)

    def latency_ms(self, share: float = 0.99) -> float:
        latencies = sorted(each.latency_seconds for each in self.answers)
        return round(latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000, 1) if latencies else 0.0

    def table(self) -> str:
        """A line a second: how many of each status, how many were found in the cache, and the latency."""
        lines = ["second   sent  statuses                found     p50 ms     p99 ms"]
        for second in range(int(max((each.at_seconds for each in self.answers), default=-1)) + 1):
            part = self.between(second, second + 1)
            statuses = " ".join(f"{status}:{count}" for status, count in sorted(part.statuses().items()))
            hits = sum(each.cache == "hit" for each in part.answers)
            lines.append(
                f"{second:6} {len(part):6}  {statuses:22} {hits:6} {part.latency_ms(0.5):10} {part.latency_ms():10}"
            )
        return "\n".join(lines)


class Load:
    """`with Load(base, asks, rate=200, seconds=10) as load: …; load.answers()`. It begins a moment after it is made."""

    def __init__(self, base: str, asks: Sequence[Ask], *, rate: float, seconds: float, processes: int = 3) -> None:
        self.seconds = seconds
        self.begins_at = time.time() + _START_SECONDS
        self._work = []
        for number in range(processes):
            # Process by process each takes its share of the requests, at times that interleave with the others'.
            told = {"base": base, "asks": asks[number::processes] or asks, "rate": rate / processes}
            told |= {"seconds": seconds, "begins_at": self.begins_at + number / rate}
            work = subprocess.Popen(
                [sys.executable, "-m", "tests.support.load", "--work"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._work.append((work, json.dumps(told)))
            assert work.stdin
            work.stdin.write(self._work[-1][1] + "\n")
            work.stdin.flush()

    def second(self) -> float:
        """The second of the load that it is now."""
        return time.time() - self.begins_at

    def wait_for(self, second: float) -> None:
        time.sleep(max(0.0, second - self.second()))

    def end(self) -> None:
        """Sends no more; what is under way is still waited for."""
        for work, _ in self._work:
            work.terminate()

    def answers(self) -> Answers:
        """Waits for the end and gives what came back."""
        answers: list[Answered] = []
        for work, _ in self._work:
            output, _ = work.communicate(timeout=self.seconds + _START_SECONDS + 2 * _TIMEOUT_SECONDS)
            assert work.returncode == 0, "a process of the load failed"
            answers += [Answered(*each) for each in json.loads(output)]
        return Answers(sorted(answers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for work, _ in self._work:
            work.kill()
            work.communicate()


# ── in each process ───────────────────────────────────────────────────────────────────────────────


async def _work(told: dict[str, object]) -> list[Answered]:
    base = urlsplit(str(told["base"]))
    asks = [Ask(*each) for each in told["asks"]]  # type: ignore[attr-defined]
    rate, seconds, begins_at = (float(str(told[name])) for name in ("rate", "seconds", "begins_at"))
    idle: list[Line] = []
    answered: list[Answered] = []

    async def one(due_seconds: float, ask: Ask) -> None:
        status, cache = 0, ""
        with suppress(OSError, EOFError, ValueError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                line = _usable(idle) or await asyncio.open_connection(base.hostname, base.port)
                status, cache, keeps = await _get(*line, ask, base.netloc)
                if keeps:
                    idle.append(line)
                else:
                    line[1].close()
        latency = time.time() - begins_at - due_seconds
        answered.append(Answered(round(due_seconds, 4), round(latency, 5), status, cache, ask.kind))

    tasks, ended = set(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    for number in range(round(rate * seconds)):
        due = number / rate
        await asyncio.sleep(max(0.0, begins_at + due - time.time()))
        if ended.is_set():
            break
        tasks.add(asyncio.create_task(one(due, asks[number % len(asks)])))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return answered


def _usable(idle: list[Line]) -> Line | None:
    """A connection that the server has not closed meanwhile, as every client looks for one."""
    while idle:
        reader, writer = idle.pop()
        if not reader.at_eof():
            return reader, writer
        writer.close()
    return None


async def _get(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask, host: str
) -> tuple[int, str, bool]:
    """The status, the word of Cache-Status, and whether the server keeps the connection."""
    client = f"x-client-id: {ask.client}\r\n" if ask.client else ""
    writer.write(f"GET {ask.path} HTTP/1.1\r\nhost: {host}\r\n{client}\r\n".encode())
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): told.strip() for name, _, told in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    words = headers.get("cache-status", "").split(";")
    keeps = headers.get("connection", "").lower() != "close"
    return int(first.split()[1]), words[1].strip() if len(words) > 1 else "", keeps


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", nargs="?")
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(asyncio.run(_work(json.loads(sys.stdin.readline())))))
        return
    asks = [Ask(path) for path in options.paths]
    with Load(options.base, asks, rate=options.rate, seconds=options.seconds, processes=options.processes) as load:
        print(load.answers().table())


if __name__ == "__main__":
    main()
