"""Parses the JSON of an answer one location at a time, so that other threads run in between.

A single C call over 2 MB would hold the GIL for 20 ms, and every request that finds its answer in Redis would wait as
long. tests.benchmarks.parsing_gap measures the difference.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from weathernote import threads

# NaN and Infinity, which Python would parse as numbers, become text, and validation refuses text as a value.
_DECODER = json.JSONDecoder(parse_constant=str)
_BLANKS = re.compile(r"[ \t\n\r]*")
_NAN = re.compile(r"(?<=[:,\[])\s*-?(?:nan|inf)\b", re.ASCII)
#: About the length of one location's text: nan is replaced in pieces of this size.
_PIECE_CHARACTERS = 20_000
#: No call asks for more locations, and an array of millions of zeros would take seconds to parse.
_MOST_ITEMS = 1_000


def parsed(body: bytes | bytearray) -> Any:
    """The value of a JSON body; raises ValueError or RecursionError if it is not JSON.

    Open-Meteo writes nan for a location without weather, which is not JSON. It becomes the text "nan", so that only
    this location is invalid.
    """
    text = body.decode("utf-8")
    try:
        return _value(text)
    except (ValueError, RecursionError):
        pass
    return _value("".join(_NAN.sub('"nan"', piece) for piece in _pieces(text)))


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
