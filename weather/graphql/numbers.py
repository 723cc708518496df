"""How long a number may be written, in a document and in JSON: Python refuses whole numbers of over 4,300 digits."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

#: The longest that any language writes for a position has 35 characters.
MOST_CHARACTERS = 40


class NumberTooLong(ValueError):
    """A number of more than MOST_CHARACTERS; the text says so."""


def check(text: str) -> None:
    """Raises NumberTooLong for a number that is written so."""
    if len(text) > MOST_CHARACTERS:
        raise NumberTooLong(f"has a number of {len(text):,} characters; {MOST_CHARACTERS} are the most")


def _checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        check(text)
        return read(text)

    return checked


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


#: Reads JSON; raises NumberTooLong, and ValueError or RecursionError for what is no JSON.
JSON = json.JSONDecoder(parse_int=_checked(int), parse_float=_checked(float), parse_constant=_refuse_constant)
