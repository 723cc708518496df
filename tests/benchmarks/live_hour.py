"""What an hour of watching one place costs a phone: asking every ten minutes, events, and a WebSocket.

    python -m tests.benchmarks.live_hour [--life-seconds 60]

An answer lives for 60 s in place of 600 (the next of the same minute would differ in nothing), so that the hour takes
six minutes; in its middle the place is refreshed once.
All three watch at the same time, through plain sockets that count. Pings come every 25 s whatever the life, so those
that came are left out of the count, and those of an hour are added. Where TLS is spoken, each connection costs its
handshake besides, which is measured apart.
"""

import argparse
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from tests.benchmarks.measuring import things
from tests.benchmarks.streams.sockets import UPGRADE, frames, masked, subscription
from tests.support.limits import LIFTED
from tests.support.servers import Instance, free_port
from tests.support.weather.refreshed import refresh
from weather.core.cells import Cell

PLACE = Cell(407, -740)
QUERY = f"lat={PLACE.latitude}&lon={PLACE.longitude}"
ANSWERS_AN_HOUR, PING_SECONDS = 6, 25
_PINGS_AN_HOUR = 3600 // PING_SECONDS
_PING, _PONG = 9, 10
_HEAD = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-client-id: 5f0c1c9e7b0e4f0c9d3e8a6b2d417f35\r\n{more}\r\n"


@dataclass
class Cost:
    """What one way of watching has taken so far, without pings; `ping` is the cost of one, both ways."""

    requests: int = 0
    connections: int = 0
    sent: int = 0
    received: int = 0
    messages: int = 0
    ping: int = 0

    @property
    def wake_ups(self) -> int:
        """How often in the hour the phone's radio has something to send or to receive."""
        return self.messages + (_PINGS_AN_HOUR if self.ping else 0)


def connected(cost: Cost, port: int) -> socket.socket:
    cost.connections += 1
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def send(cost: Cost, connection: socket.socket, data: bytes) -> None:
    cost.sent += len(data)
    connection.sendall(data)


def pieces(connection: socket.socket, end: float) -> Iterator[bytes]:
    """What comes until the end (seconds of the monotonic clock)."""
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not (piece := connection.recv(65536)):
                raise AssertionError("the service has ended the connection")
        except TimeoutError:
            return
        yield piece


def ask(cost: Cost, port: int, end: float, life_seconds: float) -> None:
    """Asks whenever an answer has ended, each time over a new connection: the old one was closed long ago."""
    etag = ""
    begin = end - ANSWERS_AN_HOUR * life_seconds
    for number in range(ANSWERS_AN_HOUR):
        time.sleep(max(0, begin + number * life_seconds - time.monotonic()))
        with connected(cost, port) as connection:
            more = f"If-None-Match: {etag}\r\n" * bool(etag)
            send(
                cost,
                connection,
                _HEAD.format(path=f"/api/v1/weather?{QUERY}", more=f"{more}Connection: close\r\n").encode(),
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        etag = answer.lower().partition(b"\r\netag: ")[2].partition(b"\r\n")[0].decode().replace("w/", "W/")
        cost.received += len(answer)
        cost.requests += 1
        cost.messages += 1


def listen(cost: Cost, port: int, end: float, life_seconds: float) -> None:
    """Listens to events."""
    with connected(cost, port) as connection:
        cost.requests = 1
        send(
            cost,
            connection,
            _HEAD.format(path=f"/api/v1/weather/events?{QUERY}", more="Accept: text/event-stream\r\n").encode(),
        )
        for piece in pieces(connection, end):
            pings = piece.count(b": ping\n\n")
            cost.ping = len(piece) // pings if pings and b"data:" not in piece else cost.ping
            cost.received += len(piece) if not pings else 0
            cost.messages += piece.count(b"\ndata: ")


def subscribe(cost: Cost, port: int, end: float, life_seconds: float) -> None:
    """Subscribes over a WebSocket."""
    with connected(cost, port) as connection:
        cost.requests = 2
        send(cost, connection, UPGRADE.format(path="/api/v1/live", client="5f0c1c9e7b0e4f0c9d3e8a6b2d417f35").encode())
        head = connection.recv(65536)
        cost.received += len(head)
        send(cost, connection, subscription(PLACE))
        rest = head.partition(b"\r\n\r\n")[2]
        for piece in pieces(connection, end):
            found, rest = frames(rest + piece)
            for opcode, payload in found:
                if opcode == _PING:
                    pong = masked(_PONG, payload)
                    connection.sendall(pong)
                    cost.ping = 2 + len(payload) + len(pong)
                else:
                    cost.received += len(payload) + (2 if len(payload) < 126 else 4)
                    cost.messages += 1


def handshake_bytes() -> int:
    """What a full TLS 1.3 handshake takes, both ways, with a certificate and that of who signed it."""
    issuer = trustme.CA().create_child_ca()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("weather.example").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    one, other = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = [client.wrap_bio(*one, server_hostname="weather.example"), server.wrap_bio(*other, server_side=True)]
    count = 0
    for _ in range(4):
        for end, (_, outgoing), (incoming, _) in ((ends[0], one, other), (ends[1], other, one)):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
            said = outgoing.read()
            count += len(said)
            incoming.write(said)
    return count


def watched(life_seconds: float) -> dict[str, Cost]:
    """The cost of an hour for each way, by its name; a refresh comes in the middle of an answer's life."""
    ways: dict[str, Callable[[Cost, int, float, float], None]] = {
        "asking every ten minutes": ask,
        "events": listen,
        "WebSocket": subscribe,
    }
    costs = {name: Cost() for name in ways}
    with ExitStack() as stack:
        at = stack.enter_context(things.setting(Path(stack.enter_context(TemporaryDirectory()))))
        servers = {"REDIS_URL": at.valkey.url, "OPEN_METEO_URL": at.simulator.url, "LIVE_PORT": free_port()}
        own = {"WORKERS": 1, "WEATHER_TTL_SECONDS": int(life_seconds), **servers, **LIFTED}
        instance = stack.enter_context(Instance(at.folder / "instance", **own))
        instance.get(f"/api/v1/weather?{QUERY}")
        end = time.monotonic() + ANSWERS_AN_HOUR * life_seconds
        threads = [
            threading.Thread(
                target=way,
                args=(costs[name], instance.port if way is ask else int(str(own["LIVE_PORT"])), end, life_seconds),
            )
            for name, way in ways.items()
        ]
        for thread in threads:
            thread.start()
        time.sleep(life_seconds * (ANSWERS_AN_HOUR / 2 + 0.5))
        refresh(at.valkey, PLACE, 11.1)
        for thread in threads:
            thread.join()
    return costs


def table(costs: dict[str, Cost], handshake: int) -> list[str]:
    """A line for each way."""
    names = ["requests", "connections", "bytes", "of them pings", "with TLS", "wake-ups", "weather shown"]
    lines = [f"{'':26}" + "".join(f"{name:>15}" for name in names)]
    for name, cost in costs.items():
        pings = cost.ping * _PINGS_AN_HOUR
        whole = cost.sent + cost.received + pings
        numbers = [cost.requests, cost.connections, whole, pings, whole + cost.connections * handshake]
        numbers += [cost.wake_ups, cost.messages]
        lines.append(f"{name:26}" + "".join(f"{number:15,}" for number in numbers))
    return [*lines, f"A TLS handshake takes {handshake:,} bytes; one refresh came in the hour."]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--life-seconds", type=int, default=60, help="of an answer, in place of 600; at least 60")
    print("\n".join(table(watched(parser.parse_args().life_seconds), handshake_bytes())))


if __name__ == "__main__":
    main()
