"""Entity tags, and which of them a request's `If-None-Match` lists."""

import re

import pytest

from weathernote.http.headers.conditional import matches, weak_etag

pytestmark = pytest.mark.pure


def test_the_tag_is_weak_and_differs_with_the_bytes():
    assert re.fullmatch(r'W/"[0-9a-f]{16}"', weak_etag(b"{}"))
    assert weak_etag(b"{}") == weak_etag(b"{}") != weak_etag(b"{ }")


@pytest.mark.parametrize("given", ['W/"1"', '"1"', '"0", W/"1"', "*"])
def test_the_same_tag_matches_weak_or_strong_alone_or_in_a_list(given):
    assert matches(given, 'W/"1"')


@pytest.mark.parametrize("given", [None, "", 'W/"2"', "1", '"11"'])
def test_another_tag_or_none_does_not_match(given):
    assert not matches(given, 'W/"1"')
