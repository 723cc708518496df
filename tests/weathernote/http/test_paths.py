"""Which paths are refused before anything handles them; tests/faults/test_paths.py sends them to an instance."""

import pytest

from weathernote.http.paths import is_plain

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("path", ["/", "/api/v1/weather", "/api/v1/weather/", "/a.b/..c", "/.well-known/x"])
def test_a_plain_path(path):
    assert is_plain(path)


@pytest.mark.parametrize("path", ["//", "/api//v1", "/./x", "/x/..", "/../x", "/x/.", "/%2e", "/a%2Fb"])
def test_an_empty_or_dot_segment_and_a_second_encoding_are_not_plain(path):
    assert not is_plain(path)
