"""A live process in a few lines: it tells a stream what it heard of the client, and all what any of them says."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import requests

from tests.support.servers import Process, eventually, free_port

_streams: set[asyncio.Queue[str]] = set()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """`/health` is 200; whatever else is asked for gets a stream, or 503 where FULL is set."""
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/health":
        await _refuse("http", send, 200)
        return
    if os.environ["FULL"]:
        await _refuse(scope["type"], send, 503)
        return
    said: asyncio.Queue[str] = asyncio.Queue()
    said.put_nowait(_heard(scope))
    _streams.add(said)
    websocket = scope["type"] == "websocket"
    try:
        await (_websocket if websocket else _events)(said, receive, send)
    finally:
        _streams.discard(said)


def _heard(scope: Any) -> str:
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    return json.dumps(
        {"by": scope["server"][1], "at": scope["path"], "query": scope["query_string"].decode(), "headers": headers}
    )


async def _refuse(kind: str, send: Any, status: int) -> None:
    lead = "websocket.http.response" if kind == "websocket" else "http.response"
    await send({"type": f"{lead}.start", "status": status, "headers": []})
    await send({"type": f"{lead}.body", "body": b""})


async def _websocket(said: asyncio.Queue[str], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})

    async def tell() -> None:
        while True:
            await send({"type": "websocket.send", "text": await said.get()})

    telling = asyncio.create_task(tell())
    while (heard := await receive())["type"] == "websocket.receive":
        for stream in _streams:
            stream.put_nowait(heard["text"])
    telling.cancel()


async def _events(said: asyncio.Queue[str], receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def tell() -> None:
        while True:
            event = f"event: weather\ndata: {await said.get()}\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})

    telling = asyncio.create_task(tell())
    while (await receive())["type"] != "http.disconnect":
        pass
    telling.cancel()


class LiveStandIn(Process):
    """The application above in a process of its own, under the server that the live process runs under."""

    def __init__(self, folder: Path, *, full: bool = False, port: int = 0) -> None:
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "uvicorn", "tests.edge.live_stand_in:application", "--port", str(self.port)]
        command += ["--ws", "websockets-sansio", "--log-level", "error", "--timeout-graceful-shutdown", "1"]
        super().__init__(command, folder / f"live-{self.port}.log", os.environ | {"FULL": "1" if full else ""})
        try:
            eventually(lambda: requests.get(f"http://{self.address}/health", timeout=10).ok)
        except BaseException:
            self.stop()
            raise AssertionError(f"the stand-in did not start:\n{self.said()}") from None
