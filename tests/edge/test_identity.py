"""Fault 71 at the edge: nobody's id is another's address, and an address is written as the service writes it."""

import base64
import hashlib
from uuid import uuid4

import pytest
from blake3 import blake3
from django.test import RequestFactory, override_settings

from ratelimit import identity
from tests.edge.edge_server import EdgeServer, edge_before
from tests.edge.origin import Origin
from tests.edge.wire import left_of
from tests.support.servers import eventually

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"
SECRET = "pepper"
ADDRESSES = [
    *("203.0.113.7", "::ffff:203.0.113.8", "2001:db8:1:2::1", "2001:db8::1", "2001:db8:0:1::1", "2001:0:0:1::1"),
    *("1::1", "0:0:0:1::1", "0:0:10:0::1", "::2", "2001:db8:1::1", "2001:db8:a0b:c00:1:2:3:4", "fe80::1"),
]
IDS = ["203.0.113.7", "2001:db8:1:2::/64", "unknown", "ADDRESS:203.0.113.7", "address", "phone-1"]


def left(fleet, address: str, client: str = "") -> int:
    return left_of(fleet.edge.get(HIT, address=address, client=client).headers["RateLimit"])


def test_an_id_that_reads_as_an_address_takes_nothing_from_it(fleet, address):
    with fleet.edge.session(client=address) as other:
        told = [other.get(fleet.edge.base + HIT, timeout=20).status_code for _ in range(61)]
    assert told == [200] * 60 + [429]
    assert left(fleet, address) == 59


def test_an_id_that_begins_as_an_address_counts_as_who_sent_it(fleet, address):
    assert left(fleet, address, f"address:{uuid4().hex}") == 59
    assert left(fleet, address, "address:127.0.0.1") == 58
    assert left(fleet, address) == 57


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory) -> set[str]:
    """The digests of clients that an edge behind a trusted balancer tells, one for each of ADDRESSES and IDS."""
    with Origin() as origin, override_settings(RATE_LIMIT_HASH_KEY=SECRET):
        edge = BehindBalancer(edge_before([f"127.0.0.1:{origin.port}"], tmp_path_factory.mktemp("edge")))
        with edge:
            for address in ADDRESSES:
                edge.get(HIT, headers={"X-Forwarded-For": address})
            for client in IDS:
                edge.get(HIT, client=client)
            eventually(lambda: len(origin.clients) == len(ADDRESSES) + len(IDS))
        return origin.clients


class BehindBalancer(EdgeServer):
    def _listen_for_loads(self) -> None:
        super()._listen_for_loads()
        trusted = "http {\n    set_real_ip_from 127.0.0.0/8;\n    real_ip_header X-Forwarded-For;\n"
        self.configuration.write_text(self.configuration.read_text().replace("http {\n", trusted, 1))


def test_the_edge_writes_each_client_as_the_service_does(handed_over, monkeypatch):
    monkeypatch.setattr(identity, "hashed", digest)
    identity._hashed_address.cache_clear()
    told = {identity.identify(RequestFactory().get("/", REMOTE_ADDR=address)).hash for address in ADDRESSES}
    identity._hashed_address.cache_clear()
    assert told | {digest(client) for client in IDS} == handed_over


def digest(text: str) -> str:
    """As the edge names who is written so."""
    key = blake3(SECRET.encode()).hexdigest(length=8)
    return base64.urlsafe_b64encode(hashlib.sha256((key + text).encode()).digest())[:12].decode()
