"""The same in FastAPI with all that makes it fast: one round trip, finished bytes, no validation models, no pool.

One script counts and finds. Connections are redis.asyncio's own, kept on a stack, and take commands that hiredis
packed; an answer's end says what the headers need, so no JSON is read, and
the same bytes are looked at once. `plain` is the same without FastAPI's routes.
Of uvicorn and granian with uvloop, granian on a single thread was the fastest.
"""

import asyncio
import re
import time
from datetime import datetime
from functools import lru_cache
from typing import Any

import hiredis
from fastapi import FastAPI, Request, Response
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from starlette.applications import Starlette
from starlette.routing import Route

from tests.benchmarks.peers import promises

SCRIPT = b"""
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], 60000)
    left = 60000
end
return {count, left, redis.call('GET', KEYS[2])}
"""
_TAIL = re.compile(rb'"expires_at":"([^"]{20})","attribution":"[^"]{1,100}"}\Z')
_ZONE = re.compile(rb'"timezone":"([^"]{1,64})"')

app = FastAPI(openapi_url=None)
pool = ConnectionPool.from_url(promises.REDIS_URL, protocol=2, socket_timeout=None)
#: Connections of a worker; without a bound, requests that pile up would each open one more.
CONNECTIONS = 64
free: asyncio.LifoQueue[AbstractConnection | None] = asyncio.LifoQueue()
for _ in range(CONNECTIONS):
    free.put_nowait(None)
loaded: list[bytes] = []


async def asked(client_key: str, answer_key: str) -> tuple[int, int, bytes | None]:
    """The count, the milliseconds left of the window, and the answer."""
    connection = await free.get()
    try:
        connection = connection or await connected()
        packed = hiredis.pack_command(("EVALSHA", loaded[0], 2, client_key, answer_key))
        await connection.send_packed_command(packed, check_health=False)
        reply: Any = await connection.read_response(disable_decoding=True)
    except BaseException:
        free.put_nowait(None)
        if connection:
            await connection.disconnect(nowait=True)
        raise
    free.put_nowait(connection)
    return reply[0], reply[1], reply[2]


async def connected() -> AbstractConnection:
    connection = pool.make_connection()
    await connection.connect()
    if not loaded:
        await connection.send_command("SCRIPT", "LOAD", SCRIPT)
        loaded.append(await connection.read_response(disable_decoding=True))
    return connection


async def weather(request: Request) -> Response:
    query = request.query_params
    try:
        key = f"weather:{cell_of(query['lat'], query['lon'])}"
    except (KeyError, ValueError):
        return wrong(request)
    return await answer(request, key, is_forecast=False)


async def forecast(request: Request) -> Response:
    query = request.query_params
    try:
        days = int(query.get("days", "7"))
        key = f"forecast:{cell_of(query['lat'], query['lon'])}:days:{days}"
    except (KeyError, ValueError):
        return wrong(request)
    return await answer(request, key, is_forecast=True) if 1 <= days <= 10 else wrong(request)


app.get("/api/v1/weather", response_model=None)(weather)
app.get("/api/v1/forecast", response_model=None)(forecast)
# Nobody asks FastAPI for its dependencies here: Starlette alone, which is below it.
plain = Starlette(routes=[Route("/api/v1/weather", weather), Route("/api/v1/forecast", forecast)])


def cell_of(lat: str, lon: str) -> str:
    north, east = _tenths(lat, 90), _tenths(lon, 180)
    return f"lat:{north / 10}:lon:{-180.0 if east == 1800 else east / 10}"


def _tenths(text: str, limit: int) -> int:
    degrees = float(text)
    if not -limit <= degrees <= limit:
        raise ValueError(text)
    return int(degrees * 10 + 0.5) if degrees >= 0 else -int(0.5 - degrees * 10)


async def answer(request: Request, key: str, *, is_forecast: bool) -> Response:
    given = request.headers
    client = given.get("x-client-id") or (request.client.host if request.client else "unknown")
    count, left, text = await asked(f"rate_limit:hash:{promises.hashed(client)}", key)
    left_seconds = -(-left // 1000)
    request_id = promises.request_id(given.get("x-request-id"))
    if count > promises.LIMIT:
        body, headers = promises.too_many(left_seconds, request_id)
        return Response(body, 429, headers | {"X-Request-ID": request_id}, promises.PROBLEM)
    limit = f'"client";r={promises.LIMIT - count};t={left_seconds}'
    if text is None:
        body = promises.problem(
            503, "upstream_unavailable", "Weather source unavailable", "Nothing is held.", request_id
        )
        return Response(body, 503, {"Cache-Control": "no-store", "RateLimit": limit}, promises.PROBLEM)
    etag, expires_at, zone = read(text)
    now, left_of_day = int(time.time()), 3600
    if is_forecast:
        left_of_day = max(0, promises.midnight_after(zone, now // 900) - expires_at)
    life_seconds = max(0, expires_at - now)
    headers = {
        "Cache-Control": promises.cache_control(life_seconds, left_of_day),
        "ETag": etag,
        "Cache-Status": f"weathernote; hit; ttl={life_seconds}",
        "RateLimit-Policy": promises.POLICY,
        "RateLimit": limit,
        "X-Request-ID": request_id,
    }
    if given.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(text, 200, headers, "application/json")


def wrong(request: Request) -> Response:
    asked = promises.request_id(request.headers.get("x-request-id"))
    body = promises.problem(400, "invalid_parameter", "Invalid parameter", "A parameter is wrong.", asked)
    return Response(body, 400, {"Cache-Control": "no-store", "X-Request-ID": asked}, promises.PROBLEM)


@lru_cache(maxsize=8192)
def read(text: bytes) -> tuple[str, int, str]:
    """What the headers need of an answer: its ETag, its end (unix seconds) and its zone. The same bytes once."""
    end, zone = _TAIL.search(text, max(0, len(text) - 200)), _ZONE.search(text)
    if end is None or zone is None:
        raise ValueError("not an answer")
    expires_at = int(datetime.fromisoformat(end[1].decode()).timestamp())
    return promises.etag(text), expires_at, zone[1].decode()
