"""The service's cached requests in FastAPI with redis.asyncio, as most people would write them.

    REDIS_URL=redis://… uvicorn tests.benchmarks.peers.fastapi_usual:app --workers 2

A dependency counts, the handler reads the record and gives a dictionary to JSONResponse. Nothing is held back: the
client decodes with hiredis, and uvicorn takes uvloop and httptools of its own accord.
"""

import json
import time
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis.asyncio import Redis

from tests.benchmarks.peers import promises

app = FastAPI()
# The default of 100 is reached when requests pile up, and then raises.
redis = Redis.from_url(promises.REDIS_URL, decode_responses=True, max_connections=1000)

Latitude = Annotated[float, Query(ge=-90, le=90)]
Longitude = Annotated[float, Query(ge=-180, le=180)]


class TooManyRequestsError(Exception):
    def __init__(self, left_seconds: int) -> None:
        self.left_seconds = left_seconds


async def limited(request: Request, x_client_id: Annotated[str | None, Header()] = None) -> dict[str, str]:
    """Counts the request; gives the headers that tell the client of its limit."""
    client = x_client_id or (request.client.host if request.client else "unknown")
    key = f"rate_limit:hash:{promises.hashed(client)}"
    count = await redis.incr(key)
    if count == 1:
        await redis.expire(key, promises.WINDOW_SECONDS)
        left_seconds = promises.WINDOW_SECONDS
    else:
        left_seconds = await redis.ttl(key)
    if count > promises.LIMIT:
        raise TooManyRequestsError(left_seconds)
    return promises.limit_headers(count, left_seconds)


Limited = Annotated[dict[str, str], Depends(limited)]
RequestId = Annotated[str | None, Header()]


@app.get("/api/v1/weather")
async def weather(
    lat: Latitude, lon: Longitude, limit: Limited, x_request_id: RequestId = None, if_none_match: RequestId = None
) -> Response:
    return await answer(f"weather:{promises.cell(lat, lon)}", limit, x_request_id, if_none_match)


@app.get("/api/v1/forecast")
async def forecast(
    lat: Latitude,
    lon: Longitude,
    limit: Limited,
    days: Annotated[int, Query(ge=1, le=10)] = 7,
    x_request_id: RequestId = None,
    if_none_match: RequestId = None,
) -> Response:
    return await answer(f"forecast:{promises.cell(lat, lon)}:days:{days}", limit, x_request_id, if_none_match)


async def answer(key: str, limit: dict[str, str], request_id: str | None, if_none_match: str | None) -> Response:
    text = await redis.get(key)
    if text is None:
        body = promises.problem(503, "upstream_unavailable", "Weather source unavailable", "Nothing is held.", "")
        return Response(body, 503, {"Cache-Control": "no-store", **limit}, promises.PROBLEM)
    found = json.loads(text)
    now = int(time.time())
    expires_at = int(datetime.fromisoformat(found["expires_at"]).timestamp())
    left_of_day = 3600
    if key.startswith("forecast"):
        left_of_day = max(0, promises.midnight_after(found["timezone"], now // 900) - expires_at)
    life_seconds = max(0, expires_at - now)
    headers = limit | {
        "Cache-Control": promises.cache_control(life_seconds, left_of_day),
        "ETag": promises.etag(text.encode()),  # type: ignore[union-attr]  # decode_responses makes it text
        "Cache-Status": f"weathernote; hit; ttl={life_seconds}",
        "X-Request-ID": promises.request_id(request_id),
    }
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(found, headers=headers)


@app.exception_handler(TooManyRequestsError)
async def refuse(request: Request, error: TooManyRequestsError) -> Response:
    asked = promises.request_id(request.headers.get("x-request-id"))
    body, headers = promises.too_many(error.left_seconds, asked)
    return Response(body, 429, headers | {"X-Request-ID": asked}, promises.PROBLEM)


@app.exception_handler(RequestValidationError)
async def refuse_parameters(request: Request, error: RequestValidationError) -> Response:
    asked = promises.request_id(request.headers.get("x-request-id"))
    body = promises.problem(400, "invalid_parameter", "Invalid parameter", "A parameter is wrong.", asked)
    return Response(body, 400, {"Cache-Control": "no-store", "X-Request-ID": asked}, promises.PROBLEM)
