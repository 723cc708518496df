"""Parses the JSON of an answer one location at a time, so that other threads run in between.

A single C call over 2 MB would hold the GIL for 10 ms, and every request that finds its answer in Redis would wait as
long. tests.benchmarks.parsing_gap measures the difference.

What Open-Meteo writes as it should is split between its locations and parsed by orjson, in a fifth of the time that the
standard library takes. For anything else, such as nan, that library decides what is JSON.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from weathernote import threads

# NaN and Infinity, which Python would parse as numbers, become text, and validation refuses text as a value.
_DECODER = json.JSONDecoder(parse_constant=str)
_BLANKS = re.compile(r"[ \t\n\r]*")
_NAN = re.compile(r"(?<=[:,\[])\s*-?(?:nan|inf)\b", re.ASCII)
#: About the length of one location's text: nan is replaced in pieces of this size.
_PIECE_CHARACTERS = 20_000
#: No call asks for more locations, and an array of millions of zeros would take seconds to parse.
_MOST_ITEMS = 1_000
#: What ends one location of an answer and begins the next. Where it stands within a location too, no piece is JSON.
_BETWEEN = b"},{"


def parsed(body: bytes | bytearray) -> Any:
    """The value of a JSON body; raises ValueError or RecursionError if it is not JSON.

    Open-Meteo writes nan for a location without weather, which is not JSON. It becomes the text "nan", so that only
    this location is invalid. An integer of more than 64 bits may become a float.
    """
    try:
        if body.startswith(b"[{"):
            return _objects(body)
        if body.startswith(b"{"):
            return orjson.loads(body)
    except ValueError:
        pass
    text = body.decode("utf-8")
    try:
        return _value(text)
    except (ValueError, RecursionError):
        pass
    return _value("".join(_NAN.sub('"nan"', piece) for piece in _pieces(text)))


def _objects(body: bytes | bytearray) -> list[Any]:
    """The objects of an array that has them alone, without blanks between them; raises ValueError for anything else."""
    if not body.endswith(b"}]"):
        raise ValueError("not the end of an array of objects")
    objects: list[Any] = []
    start, text = 1, memoryview(body)
    while len(objects) < _MOST_ITEMS:
        end = body.find(_BETWEEN, start) + 1
        objects.append(orjson.loads(text[start : end or -1]))
        if not end:
            return objects
        threads.give_way()
        start = end + 1
    raise ValueError(f"more than {_MOST_ITEMS} items")


def _value(text: str) -> Any:
    start = _after_blanks(text, 0)
    value, end = _items(text, start + 1) if text.startswith("[", start) else _DECODER.raw_decode(text, start)
    if _after_blanks(text, end) != len(text):
        raise ValueError("something follows the JSON")
    return value


def _items(text: str, start: int) -> tuple[list[Any], int]:
    """The items of the array whose first item begins at `start`, and the index after its closing bracket."""
    items: list[Any] = []
    at = _after_blanks(text, start)
    if text.startswith("]", at):
        return items, at + 1
    while len(items) < _MOST_ITEMS:
        item, at = _DECODER.raw_decode(text, at)
        items.append(item)
        threads.give_way()
        at = _after_blanks(text, at)
        if text.startswith("]", at):
            return items, at + 1
        if not text.startswith(",", at):
            raise ValueError("no comma between two items")
        at = _after_blanks(text, at + 1)
    raise ValueError(f"more than {_MOST_ITEMS} items")


def _after_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that begin with a comma, so that no nan is split or parted from the character before it."""
    start = 0
    while start < len(text):
        end = text.find(",", start + _PIECE_CHARACTERS)
        end = len(text) if end < 0 else end
        yield text[start:end]
        threads.give_way()
        start = end
