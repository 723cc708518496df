"""Reading what a GET asks: the short way for the usual query gives what the long one does."""

import json
from hashlib import sha256
from urllib.parse import quote, quote_plus

import pytest
from django.test import RequestFactory

from weather.graphql import request as reading
from weather.graphql.errors import Refused

HASH = sha256(b"{ __typename }").hexdigest()
NAMED = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": HASH}})
OTHER = json.dumps({"persistedQuery": {"version": 2, "sha256Hash": HASH}})
HERE = json.dumps({"lat": 40.7, "name": "a+b Zürich"})

QUERIES = [
    f"extensions={quote(NAMED)}&variables={quote(HERE)}",
    f"variables={quote(HERE)}&extensions={quote(NAMED)}",
    f"variables={quote_plus(HERE)}&extensions={quote_plus(NAMED)}",
    f"extensions={quote(OTHER)}&variables={quote(HERE)}",
    f"extensions={quote(NAMED)}&variables={quote(HERE)}&extensions={quote(NAMED)}",
    f"extensions={quote(NAMED)}&variables={quote(HERE)}&operationName=A",
    f"extensions={quote(NAMED)}&variables=%5B%5D",
    f"extensions={quote(NAMED)}&variables=%7B%22a%22%3ANaN%7D",
    f"extensions={quote(NAMED)}&variables=%FF%FF",
    f"extensions={quote(NAMED)}&variables=%7B%22name%22%3A%22Zürich%22%7D",
    f"extensions={quote(NAMED)}&variables=%7B%22a%22%3A{'9' * 41}%7D",
    f"extensions={quote(NAMED)}",
    f"variables={quote(HERE)}",
    "extensions=%7B%7D&variables=%7B%7D",
    "query=%7B__typename%7D&variables=%7B%7D",
]


def read(query):
    try:
        return reading.request_in(RequestFactory().get(f"/api/v1/graphql?{query}"), b"")
    except Refused as refused:
        return refused.text


@pytest.mark.parametrize("query", QUERIES)
def test_the_short_way_gives_what_the_long_one_does(query, monkeypatch):
    short = read(query)
    monkeypatch.setattr(reading, "_persisted", lambda _: None)
    assert short == read(query)


def test_a_number_may_be_as_long_as_any_that_is_written_for_a_position():
    longest = f"-179.{'1234567890' * 2}12345e-123"
    assert read(f"variables=%7B%22a%22%3A{longest}%7D&query=%7Ba%7D").variables == {"a": float(longest)}
    too_long = "The parameter variables has a number of 41 characters; 40 are the most."
    assert read(f"variables=%7B%22a%22%3A{'9' * 41}%7D&query=%7Ba%7D") == too_long


def test_the_usual_query_goes_the_short_way(monkeypatch):
    monkeypatch.delattr(reading, "_parameters")
    assert [read(query).sha256 for query in QUERIES[:2]] == [HASH, HASH]
