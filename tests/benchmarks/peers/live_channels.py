"""Streams of weather in Django Channels with its own layer on Redis, as its documentation shows them.

    REDIS_URL=redis://… uvicorn tests.benchmarks.peers.live_channels:application

A consumer for each socket, a group for each cell; whoever holds a new record sends the finished answer to the group.
Of the two layers in channels_redis this is the one on publish and subscribe, without a queue for each socket in Redis.
"""

from typing import Any

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path
from redis.asyncio import Redis

from tests.benchmarks.peers import promises

LAYER = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [promises.REDIS_URL]}}
if not settings.configured:
    settings.configure(SECRET_KEY="x", CHANNEL_LAYERS={"default": LAYER}, INSTALLED_APPS=["channels"])
    django.setup()

redis = Redis.from_url(promises.REDIS_URL, decode_responses=True, max_connections=1000)


def group(cell: str) -> str:
    """The name of a cell's group: colons are not allowed in one."""
    return cell.replace(":", "_")


class Weather(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        self.cells: set[str] = set()
        await self.accept()

    async def receive_json(self, content: dict[str, Any], **_: Any) -> None:
        cell = promises.cell(float(content["lat"]), float(content["lon"]))
        self.cells.add(cell)
        await self.channel_layer.group_add(group(cell), self.channel_name)
        await self.send(text_data=await redis.get(f"weather:{cell}"))

    async def weather(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])

    async def disconnect(self, code: int) -> None:
        for cell in self.cells:
            await self.channel_layer.group_discard(group(cell), self.channel_name)


application = ProtocolTypeRouter({"websocket": URLRouter([path("api/v1/live", Weather.as_asgi())])})
