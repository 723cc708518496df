"""TLS 1.3 alone, HTTP/2, HSTS, and the way from http."""

import socket
import ssl
from functools import partial

import pytest

from tests.edge.http2 import over_http_2
from tests.edge.wire import context_of

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"


def agreed(edge, **versions) -> ssl.SSLSocket:
    context = context_of(edge)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    for name, version in versions.items():
        setattr(context, name, version)
    line = socket.create_connection(("127.0.0.1", edge.edge.https_port), timeout=10)
    return context.wrap_socket(line, server_hostname="127.0.0.1")


def test_tls_1_3_is_spoken_and_http_2_over_it(fleet):
    with agreed(fleet.edge) as line:
        assert (line.version(), line.selected_alpn_protocol()) == ("TLSv1.3", "h2")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_older_versions_are_refused(fleet, version):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        agreed(fleet.edge, minimum_version=version, maximum_version=version)


def test_a_phone_that_comes_back_resumes_its_session(fleet):
    context, session = context_of(fleet.edge), None
    for is_resumed in (False, True, True):
        line = socket.create_connection(("127.0.0.1", fleet.edge.edge.https_port), timeout=10)
        with context.wrap_socket(line, server_hostname="127.0.0.1", session=session) as secure:
            secure.sendall(f"GET {HIT} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            assert b"".join(iter(partial(secure.recv, 65_536), b"")).startswith(b"HTTP/1.1 200 ")
            assert secure.session_reused is is_resumed
            session = secure.session


def test_a_phone_that_speaks_http_2_is_served(fleet):
    assert over_http_2(fleet.edge, HIT)[0] == 200


def test_browsers_are_told_to_stay_with_https_but_on_localhost(fleet):
    told = {
        path: fleet.get(path).headers.get("Strict-Transport-Security") for path in (HIT, "/nowhere", "/api/v1/docs")
    }
    assert set(told.values()) == {"max-age=31536000; includeSubDomains"}
    local = fleet.get(HIT, headers={"Host": f"localhost:{fleet.edge.edge.https_port}"})
    assert local.ok and "Strict-Transport-Security" not in local.headers


def test_http_leads_to_https(fleet):
    with fleet.edge.session() as session:
        answer = session.get(fleet.edge.insecure + HIT, allow_redirects=False, timeout=10)
        at_tls = session.get(f"http://127.0.0.1:{fleet.edge.edge.https_port}{HIT}", allow_redirects=False, timeout=10)
    for each in (answer, at_tls):
        assert (each.status_code, each.headers["Location"]) == (301, fleet.edge.base + HIT)


def test_let_s_encrypt_finds_its_proof(fleet):
    proof = fleet.edge.edge.acme_folder / ".well-known" / "acme-challenge" / "token"
    proof.parent.mkdir(parents=True, exist_ok=True)
    proof.write_text("proof")
    with fleet.edge.session() as session:
        assert session.get(f"{fleet.edge.insecure}/.well-known/acme-challenge/token", timeout=10).text == "proof"
