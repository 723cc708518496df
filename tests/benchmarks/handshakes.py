"""New connections with TLS at the edge, whole and resumed, against an nginx that keeps cells and counts nobody.

    python -m tests.benchmarks.handshakes [--rounds 3] [--seconds 3]

Each connection asks once for a cached answer and is closed, as by a phone that looks at the weather and is put away.
Prints connections a second and the server's CPU time for each; the client is Python, and takes more than the servers.
"""

import socket
import ssl
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.benchmarks import edge
from tests.benchmarks.measuring import processes, standalone, things, traffic
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing
from tests.benchmarks.peers.nginx_cell_cache import nginx_cell_cache

CLIENTS = 2
TARGET = 0.9
_TIMEOUT_SECONDS = 10


class Opened(NamedTuple):
    """Connections of one client: all, those that resumed a session, and those without an answer of 200."""

    connections: int
    resumed: int
    wrong: int


class Measured(NamedTuple):
    a_second: float
    cpu_us: float  # of the server, for each connection with its request
    resumed: float  # the part of the connections that resumed a session
    wrong: int


def open_for(base: str, lines: Sequence[str], seconds: float, *, resumes: bool) -> Opened:
    """Opens one connection after the other; with `resumes` each by the session of the one before it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # made by the benchmark itself
    at = urlsplit(base)
    session: ssl.SSLSession | None = None
    connections = resumed = wrong = 0
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        path, client = lines[connections % len(lines)].split("\t")
        with (
            socket.create_connection((at.hostname, at.port), _TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=at.hostname, session=session) as secure,
        ):
            head = f"GET {path} HTTP/1.1\r\nHost: {at.netloc}\r\nx-client-id: {client}\r\nConnection: close\r\n\r\n"
            secure.sendall(head.encode())
            answer = b"".join(iter(lambda: secure.recv(65_536), b""))
            connections += 1
            resumed += bool(secure.session_reused)
            wrong += not answer.startswith(b"HTTP/1.1 200 ")
            session = secure.session if resumes else None
    return Opened(connections, resumed, wrong)


def measure(thing: Thing, seconds: float, *, resumes: bool) -> Measured:
    """By several clients at once, each in a process of its own."""
    lines = traffic.cached(traffic.WEATHER, seed=8)
    part = len(lines) // CLIENTS
    with ProcessPoolExecutor(CLIENTS, get_context("spawn")) as clients:
        list(clients.map(time.sleep, [0.2] * CLIENTS))  # they start before the clock does
        began = processes.cpu_seconds(thing.pid)
        each = [
            clients.submit(open_for, thing.base, lines[at * part : (at + 1) * part], seconds, resumes=resumes)
            for at in range(CLIENTS)
        ]
        opened = [one.result() for one in each]
        cpu_seconds = processes.cpu_seconds(thing.pid) - began
    connections, resumed, wrong = (sum(column) for column in zip(*opened, strict=True))
    return Measured(connections / seconds, cpu_seconds / connections * 1e6, resumed / connections, wrong)


def section(at: Setting, *, rounds: int, seconds: float) -> Section:
    with ExitStack() as stack:
        instance = stack.enter_context(things.instance(at, "instance-behind-the-edge"))
        ours = stack.enter_context(edge.edge(at, instance))
        bare = stack.enter_context(nginx_cell_cache(at.folder / "nginx-cell-cache", instance.base, tls=True))
        kinds = [(thing, resumes) for resumes in (False, True) for thing in (ours, bare)]
        found = in_rounds(kinds, lambda kind, _: measure(kind[0], seconds, resumes=kind[1]), rounds)
    measured = {(thing.name, resumes): each for (thing, resumes), each in zip(kinds, found, strict=True)}
    lines = [f"{'':36}{'connections/s':>14}{'CPU µs':>9}{'resumed':>9}{'wrong':>7}   edge ÷ this: CPU"]
    figures = []
    for (name, resumes), of_rounds in measured.items():
        a_second, cpu_us, resumed = (
            statistics.median(getattr(each, field) for each in of_rounds) for field in Measured._fields[:3]
        )
        wrong, kind = sum(each.wrong for each in of_rounds), "resumed" if resumes else "whole"
        row = f"{f'{name}, {kind}':36}{a_second:14,.0f}{cpu_us:9.0f}{resumed:9.0%}{wrong:7}"
        if name != edge.NAME:
            ours_us = [each.cpu_us for each in measured[edge.NAME, resumes]]
            row += f"   {ratio(ours_us, [each.cpu_us for each in of_rounds]).middle:.2f}"
            part = ratio([each.cpu_us for each in of_rounds], ours_us).middle
            figures.append(Figure(f"edge, {kind} handshakes per CPU second ÷ bare", part, "higher", TARGET))
        elif resumes:
            figures.append(Figure("edge, part of the connections that resume", resumed, "higher", TARGET))
        lines.append(row)
    return Section("new connections with TLS, one request each", lines, figures)


def main() -> None:
    options = standalone.parser(__doc__, seconds=3).parse_args()
    with standalone.filled_setting() as at:
        print(told(section(at, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
