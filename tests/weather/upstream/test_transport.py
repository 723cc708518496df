"""What the transport sends, keeps and logs; its deadline and limits: tests/faults/test_upstream_answers.py."""

import logging
import traceback
from pathlib import Path

import pytest

from tests.support.staged.upstream import CELL, NOW, StagedUpstream, answer, http
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.upstream.client import OpenMeteo
from weather.upstream.errors import UpstreamError

KEY = "sesame"


def test_calls_share_a_connection() -> None:
    with StagedUpstream(http(answer([CELL])), http(answer([CELL]), Content_Encoding="gzip")) as upstream:
        client = OpenMeteo(upstream.url, WEATHER, now=lambda: NOW)
        for _ in range(3):
            client.fetch([CELL])

    assert (upstream.connections, len(upstream.requests)) == (1, 3)


@pytest.mark.parametrize(
    "answered",
    [http(status=503), http(status=403), http(b"{"), b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n: odd\r\n\r\n{}", b""],
)
def test_the_key_is_in_no_log_and_no_traceback(answered: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with StagedUpstream(answered) as upstream:
        with pytest.raises(UpstreamError) as failure:
            OpenMeteo(upstream.url, WEATHER, api_key=KEY, timeout_seconds=2).fetch([CELL])
        upstream_saw = upstream.requests[0]

    trace = "".join(traceback.format_exception(failure.value))
    assert "apikey=sesame" in upstream_saw
    assert "sesame" not in caplog.text
    assert "sesame" not in trace
    assert failure.value.__cause__ is None
    assert "latitude" not in repr(failure.value.__context__)


def test_the_filter_keeps_the_rest_of_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with StagedUpstream(http(answer([CELL]))) as upstream:
        OpenMeteo(upstream.url, WEATHER, api_key=KEY, now=lambda: NOW).fetch([CELL])

    assert "timeformat=unixtime&apikey=… HTTP/1.1" in caplog.text


def test_no_proxy_and_no_netrc_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with StagedUpstream(http(status=403)) as proxy, StagedUpstream(http(answer([CELL]))) as upstream:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        got = OpenMeteo(upstream.url, WEATHER, now=lambda: NOW).fetch([CELL])[CELL]

    assert isinstance(got, Series)
    assert proxy.requests == []
    assert "authorization" not in upstream.requests[0].lower()


def test_no_cookie_is_sent_back() -> None:
    with StagedUpstream(http(answer([CELL]), Set_Cookie="tracked=1; Path=/")) as upstream:
        client = OpenMeteo(upstream.url, WEATHER, now=lambda: NOW)
        client.fetch([CELL])
        client.fetch([CELL])

    assert "cookie" not in upstream.requests[1].lower()
