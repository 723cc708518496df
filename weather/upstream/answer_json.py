"""The JSON of an answer, read place by place: a single C call over 2 MB would hold the GIL for 20 ms.

So long every other thread of the process would wait, and with it the requests that find their answer in Redis. What
this is worth is measured by tests.benchmarks.parsing_gap.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from weathernote import threads

# NaN and Infinity, which Python would take for numbers, become text, and text is no value.
_DECODER = json.JSONDecoder(parse_constant=str)
_BLANKS = re.compile(r"[ \t\n\r]*")
_NAN = re.compile(r"(?<=[:,\[])\s*-?(?:nan|inf)\b", re.ASCII)
#: About the text of a place: substitutions in the whole text are made in pieces of this size.
_PIECE_CHARACTERS = 20_000
#: No call is about more places, and an array of millions of zeros would take seconds.
_MOST_ITEMS = 1_000


def parsed(body: bytes | bytearray) -> Any:
    """The value of a JSON body; raises ValueError or RecursionError if it is not JSON.

    Open-Meteo writes a place without weather as nan, which is not JSON: it becomes text, which makes that place alone
    invalid.
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
    """The items of the array that is open at `start`, and where it ends."""
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
    """Cut before commas, so that no nan is cut in two or from what stands before it."""
    start = 0
    while start < len(text):
        end = text.find(",", start + _PIECE_CHARACTERS)
        end = len(text) if end < 0 else end
        yield text[start:end]
        threads.give_way()
        start = end
