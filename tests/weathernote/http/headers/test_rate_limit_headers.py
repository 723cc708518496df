"""The two fields by which a client learns of its limit."""

import pytest

from weathernote.http.headers import rate_limit_headers


@pytest.mark.pure
def test_the_fields_are_written_as_the_draft_says():
    assert rate_limit_headers.policy("client", 60, 3600) == '"client";q=60;w=3600'
    assert rate_limit_headers.remaining("client", 12, 30) == '"client";r=12;t=30'
