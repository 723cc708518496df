"""Which searches are valid."""

import re

import pytest

from weather.places.query import LONGEST_SEARCH, SOMETHING, wrong_with

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("searches", "reason"),
    [
        ([], "is missing"),
        (["par", "ber"], "must be given once"),
        ([""], "is empty"),
        ([" \t\u00a0\x1c\x85"], "is empty"),
        (["a" * (LONGEST_SEARCH + 1)], "must have at most 100 characters"),
        (["a" * LONGEST_SEARCH], None),
        (["\u0645"], None),
    ],
)
def test_a_search_is_one_text_that_is_not_blank_and_not_too_long(searches: list[str], reason: str | None) -> None:
    assert wrong_with(searches) == reason


def test_the_pattern_of_the_schema_agrees_on_what_is_blank() -> None:
    for character in map(chr, range(0x3100)):
        assert (re.search(SOMETHING, character) is None) == (wrong_with([character]) == "is empty")
