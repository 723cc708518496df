"""Streams of weather in Starlette with redis.asyncio, as most people would write them.

    REDIS_URL=redis://… uvicorn tests.benchmarks.peers.live_starlette:app

A manager knows the sockets of each cell, one task listens to Redis, reads the finished answer and sends it to each of
them in turn. It counts nobody, limits nothing, derives nothing, and looks for nothing that it has missed.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.benchmarks.peers import promises

CHANNEL = "held:weather"
redis = Redis.from_url(promises.REDIS_URL, decode_responses=True, max_connections=1000)


class ConnectionManager:
    def __init__(self) -> None:
        self.sockets: dict[str, set[WebSocket]] = defaultdict(set)

    def leave(self, socket: WebSocket) -> None:
        for sockets in self.sockets.values():
            sockets.discard(socket)

    async def broadcast(self, cell: str, text: str) -> None:
        for socket in list(self.sockets[cell]):
            try:
                await socket.send_text(text)
            except (WebSocketDisconnect, RuntimeError):
                self.leave(socket)


manager = ConnectionManager()


async def live(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            asked = await socket.receive_json()
            cell = promises.cell(float(asked["lat"]), float(asked["lon"]))
            manager.sockets[cell].add(socket)
            await socket.send_text(await answer(cell))
    except WebSocketDisconnect:
        manager.leave(socket)


async def answer(cell: str) -> str:
    return json.dumps({"type": "weather", "weather": json.loads(await redis.get(f"weather:{cell}") or "null")})


async def listen() -> None:
    async with redis.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        async for message in channel.listen():
            if message["type"] == "message":
                await manager.broadcast(message["data"], await answer(message["data"]))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    listening = asyncio.create_task(listen())
    yield
    listening.cancel()


app = Starlette(routes=[WebSocketRoute("/api/v1/live", live)], lifespan=lifespan)
