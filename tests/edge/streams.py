"""Streams through an edge, as phones and pages open them: WebSocket by `websockets`, events by the standard library."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.edge.edge_server import OUTSIDE, EdgeServer
from tests.edge.wire import connected_by_tls, context_of
from tests.support.proxies.plain_end import plain_end

LIVE, EVENTS = "/api/v1/live", "/api/v1/weather/events"
#: The events of a position that is finer than its cell.
OF_A_PLACE = f"{EVENTS}?lat=40.7128&lon=-74.0060"


def websocket(edge: EdgeServer, path: str = LIVE, *, address: str = OUTSIDE, client: str = "") -> ClientConnection:
    """An open WebSocket over TLS; raises websockets' InvalidStatus where it is refused."""
    return connect(
        f"ws://127.0.0.1:{edge.edge.https_port}{path}",
        sock=plain_end(connected_by_tls(edge, address=address)),
        additional_headers={"x-client-id": client} if client else None,
        compression=None,
        proxy=None,
        open_timeout=20,
        close_timeout=5,
    )


class Events:
    """The events of an answer that is under way."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer

    def next(self) -> dict[str, str]:
        """The fields of the next event, as soon as it is there; a comment or a `retry:` alone is none."""
        fields: dict[str, str] = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields if "data" in fields else self.next()

    def next_data(self) -> Any:
        """What the next event's `data` says, from JSON."""
        return json.loads(self.next()["data"])


@contextmanager
def events(edge: EdgeServer, target: str, *, address: str = OUTSIDE, **headers: str) -> Iterator[Events]:
    """The events of an answer over TLS; raises AssertionError where they are refused."""
    line = http.client.HTTPSConnection(
        "127.0.0.1", edge.edge.https_port, context=context_of(edge), timeout=20, source_address=(address, 0)
    )
    try:
        line.request("GET", target, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = line.getresponse()
        assert answer.status == 200, answer.read()
        yield Events(answer)
    finally:
        line.close()
