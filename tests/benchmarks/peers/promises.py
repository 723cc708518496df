"""What every peer promises like the service: the cell, the client's hash, the limit, the headers, the error shape."""

import json
import os
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from random import getrandbits
from zoneinfo import ZoneInfo

from blake3 import blake3

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
LIMIT = int(os.environ.get("RATE_LIMIT_REQUESTS", "60"))
WINDOW_SECONDS = 60
POLICY = f'"client";q={LIMIT};w={WINDOW_SECONDS}'
PROBLEM = "application/problem+json"
_TENTH = Decimal("0.1")
midnight = time()


def hashed(client: str) -> str:
    return blake3(client.encode()).hexdigest(length=4)


def cell(lat: float | str, lon: float | str) -> str:
    """The cell's name in Redis; `lat` and `lon` are degrees."""
    north, east = (float(Decimal(str(degrees)).quantize(_TENTH, ROUND_HALF_UP)) + 0.0 for degrees in (lat, lon))
    return f"lat:{north}:lon:{-180.0 if east == 180 else east}"


def etag(text: bytes) -> str:
    return f'W/"{blake3(text).hexdigest(length=8)}"'


def cache_control(life_seconds: int, left_of_day_seconds: int = 3600) -> str:
    """`left_of_day_seconds`: from the end of the answer to the cell's midnight, past which nothing is shown."""
    return (
        f"public, max-age={life_seconds}, stale-while-revalidate={min(60, left_of_day_seconds)}, "
        f"stale-if-error={min(3600, left_of_day_seconds)}"
    )


@lru_cache(maxsize=4096)
def midnight_after(zone: str, quarter: int) -> int:
    """The next midnight in a zone after a quarter of an hour (unix seconds ÷ 900)."""
    today = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).date()
    return int(datetime.combine(today + timedelta(days=1), midnight, ZoneInfo(zone)).timestamp())


def request_id(given: str | None) -> str:
    return given or f"{getrandbits(128):032x}"


def limit_headers(count: int, left_seconds: int) -> dict[str, str]:
    return {"RateLimit-Policy": POLICY, "RateLimit": f'"client";r={max(0, LIMIT - count)};t={left_seconds}'}


def problem(status: int, code: str, title: str, detail: str, asked: str) -> bytes:
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": asked,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def too_many(left_seconds: int, asked: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a 429."""
    detail = f"Too many requests; come again in {left_seconds} s."
    body = problem(429, "rate_limited", "Too many requests", detail, asked)
    return body, {"Cache-Control": "no-store", "Retry-After": str(left_seconds), **limit_headers(LIMIT, left_seconds)}
