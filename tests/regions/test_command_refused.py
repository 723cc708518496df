"""`manage.py regions` and /health where a server is there and cannot be used: certificates, TLS, passwords."""

import io
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.core.management import call_command

from tests.support.proxies.tcp_proxy import TcpProxy
from tests.support.servers import Valkey
from weathernote.redis.replication.regions import Severity
from weathernote.site import health

pytest_plugins = ["tests.support.redis.fixtures"]

OURS, ANOTHERS = trustme.CA(), trustme.CA()
_ENDED = datetime(2020, 1, 2, tzinfo=UTC)
#: Certificate → its names, and when it ends.
CERTIFICATES: dict[str, tuple[str, datetime | None]] = {
    "good": ("localhost", None),
    "another name": ("records.weather.example", None),
    "ended": ("localhost", _ENDED),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Valkey]:
    """A primary without a replica, which stands for all servers."""
    started = Valkey(tmp_path_factory.mktemp("valkey"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("authorities")
    OURS.cert_pem.write_to_path(str(folder / "ours.crt"))
    ANOTHERS.cert_pem.write_to_path(str(folder / "anothers.crt"))
    (folder / "empty.crt").write_text("")
    return folder


@pytest.fixture(scope="module")
def over_tls(server) -> Iterator[dict[str, TcpProxy]]:
    """The same server over TLS, by each certificate."""
    proxies = {}
    for name, (host, ends) in CERTIFICATES.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        begins = datetime(2020, 1, 1, tzinfo=UTC) if ends else None
        OURS.issue_cert(host, not_before=begins, not_after=ends).configure_cert(context)
        proxies[name] = TcpProxy(server.port, tls=context)
    yield proxies
    for proxy in proxies.values():
        proxy.stop()


@pytest.fixture
def told(server, use, settings) -> Any:
    """Runs the command where one setting has this URL: its exit code, what it shows, and what it complains of."""

    # Under load a handshake may take longer than the timeout of other tests.
    def run(url: str, setting: str = "RECORDS_REPLICA_URL", *, timeout_seconds: float = 2.0) -> tuple[int, str, str]:
        settings.REDIS_TIMEOUT_SECONDS = settings.RECORDS_REDIS_TIMEOUT_SECONDS = timeout_seconds
        urls = {"REDIS_URL": server.url, "RECORDS_REDIS_URL": f"{server.url}?db=1"} | {setting: url}
        for name in ("RECORDS_REDIS_URL", "RECORDS_REPLICA_URL"):
            setattr(settings, name, urls.get(name, ""))
        use(urls["REDIS_URL"])
        shown, complained = io.StringIO(), io.StringIO()
        try:
            call_command("regions", stdout=shown, stderr=complained, no_color=True)
        except SystemExit as ended:
            return int(str(ended.code)), shown.getvalue(), complained.getvalue()
        return 0, shown.getvalue(), complained.getvalue()

    return run


@pytest.mark.parametrize(
    ("certificate", "authority", "said", "remedy"),
    [
        ("good", "anothers", "certificate is not trusted", "have ssl_ca_certs in {} name the authority that issued it"),
        ("good", "", "certificate is not trusted", "have ssl_ca_certs in {} name the authority that issued it"),
        ("another name", "ours", "certificate has another name", "name the host in {} as the certificate does"),
        ("ended", "ours", "certificate is not valid now: certificate has expired", "renew it there"),
        ("good", "gone", "ssl_ca_certs cannot be read: No such file", "mend that file, or its name in {}"),
        ("good", "empty", "ssl_ca_certs has no certificates", "mend that file, or its name in {}"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_in_a_line(
    told, over_tls, authorities, certificate, authority, said, remedy
):
    of_authority = f"?ssl_ca_certs={authorities / authority}.crt" if authority else ""
    code, shown, complained = told(over_tls[certificate].url + of_authority)
    assert code == Severity.WORSE
    (line,) = complained.splitlines()
    assert line.startswith("replica: localhost:") and said in line
    assert remedy.format("RECORDS_REPLICA_URL") in line
    assert f"cannot be used (its {said}" in shown or f"cannot be used ({said}" in shown


def test_a_certificate_that_is_as_it_should_be_is_nothing_to_tell(told, over_tls, authorities):
    assert told(f"{over_tls['good'].url}?ssl_ca_certs={authorities / 'ours.crt'}")[::2] == (0, "")


@pytest.mark.parametrize(
    ("setting", "code"),
    [("REDIS_URL", Severity.WORSE), ("RECORDS_REDIS_URL", Severity.NO_WRITER)],
)
def test_a_server_without_tls_where_it_is_expected_is_told_with_its_setting(told, server, setting, code):
    """Such a server says what it got was no command, or waits for the rest of the line: as the bytes have it."""
    found, _, complained = told(f"rediss://localhost:{server.port}", setting, timeout_seconds=0.2)
    assert found == code
    assert f"name its TLS port in {setting}" in complained.splitlines()[0]


# ── passwords ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def locked(tmp_path_factory) -> Iterator[Valkey]:
    """A server that wants a password."""
    started = Valkey(tmp_path_factory.mktemp("locked"), "--requirepass", "right")
    yield started
    started.stop()


@pytest.mark.parametrize("user", ["", "weathernote:wrong@"], ids=["NOAUTH", "WRONGPASS"])
def test_a_replica_that_refuses_the_password_is_told_and_is_down(told, locked, api, user):
    code, shown, complained = told(f"redis://{user}127.0.0.1:{locked.port}/0")
    assert code == Severity.WORSE
    (line,) = complained.splitlines()
    assert "cannot be used (it refuses the user or the password: " in shown and "wrong" not in shown + line
    assert ".)" not in shown + line and line.endswith(
        "). Records are read from the primary: mend both in RECORDS_REPLICA_URL."
    )
    health.state.forget()
    response = api.get("/health")
    states = {"status": "degraded", "redis": "ok", "primary": "ok", "replica": "down", "upstream": "ok"}
    assert (response.status_code, response.json()) == (200, states)
