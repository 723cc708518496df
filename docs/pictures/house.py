"""The house: a floor for each layer that import-linter holds, so that the drawing cannot go stale."""

import tomllib
from pathlib import Path

from docs.pictures import svg

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
#: What each room is for, in at most three short lines.
ROLES = {
    "weathernote.runtime": ("starts and stops what", "runs on one machine"),
    "weathernote.site": ("page, docs, health,", "metrics, edge counts"),
    "weathernote.dashboard": ("staff's view", "over everything"),
    "prewarm.admin": ("cities and runs", "for staff"),
    "prewarm.runs": ("what cron does", "every ten minutes"),
    "prewarm.cities": ("the cities that", "staff keep"),
    "weather.live": ("open streams: WebSocket", "and server-sent events"),
    "weather.openmeteo_api": ("Open-Meteo's own question and", "answer: JSON, FlatBuffers"),
    "weather.graphql": ("one question about", "many cells and places"),
    "weather.api": ("query, decision,", "answer"),
    "weather.places": ("search by name,", "and by position"),
    "weather.simulator": ("the Open-Meteo of", "make demo and tests"),
    "weather.fetching": ("queue, lease, round, worker,", "store, admission"),
    "weather.budget": ("quota, pace, price,", "popularity, allowance"),
    "weather.upstream": ("Open-Meteo's client,", "validation"),
    "weather.runs": ("the weather models' newest runs, as all processes know them",),
    "weather.core": ("cells, derivations, freshness:", "pure, no Django, no Redis"),
    "ratelimit": ("who asks,", "how often"),
    "weathernote.http": ("view base, problems, middleware, caching headers",),
    "weathernote.telemetry": ("metrics, request events and log, active users",),
    "weathernote.redis": ("client, breaker, cluster, what stands for it when it is gone",),
}
_WIDTH, _FLOOR, _GAP, _MARGIN = 780, 56, 12, 90


def floors() -> list[list[str]]:
    """The layers from the top, each with its rooms from left to right."""
    contracts = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip(" ()") for room in layer.replace(":", "|").split("|")] for layer in layers]


def draw() -> str:
    """The picture as SVG."""
    rows = floors()
    height = 46 + len(rows) * (_FLOOR + _GAP)
    shapes = [svg.text(_MARGIN, 26, "Each room imports only from the floors below it", "name", "start")]
    for at, rooms in enumerate(rows):
        top = 42 + at * (_FLOOR + _GAP)
        wide = (_WIDTH - _MARGIN - 20 - _GAP * (len(rooms) - 1)) / len(rooms)
        shapes += [
            svg.box(_MARGIN + of * (wide + _GAP), top, wide, _FLOOR, (room, *_lines(room, len(rooms))), _kind(room))
            for of, room in enumerate(rooms)
        ]
    shapes += [svg.arrow((44, 46), (44, height - 20)), svg.text(44, 34, "imports", "small")]
    return svg.picture(_WIDTH, height, "The rooms of the code, each importing only from those below it", shapes)


def _lines(room: str, rooms_of_the_floor: int) -> tuple[str, ...]:
    words = ROLES.get(room, ())
    return words if rooms_of_the_floor > 2 else (" ".join(words),)


def _kind(room: str) -> str:
    return "main" if room.startswith("weather.") else "box"
