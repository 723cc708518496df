"""Which requests come directly from a network."""

from ipaddress import ip_network

import pytest
from django.test import RequestFactory

from weathernote.http import networks

PRIVATE = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.pure
@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "fd00::1%eth0"])
def test_an_address_in_a_network_however_it_is_written(address):
    assert networks.contain(PRIVATE, address)


@pytest.mark.pure
@pytest.mark.parametrize("address", ["192.0.2.1", "::1", "", "10.1.2", "localhost"])
def test_an_address_outside_and_text_that_is_none(address):
    assert not networks.contain(PRIVATE, address)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_a_request_that_a_proxy_forwarded_is_not_direct(header):
    direct = RequestFactory().get("/metrics", REMOTE_ADDR="10.0.0.1")
    forwarded = RequestFactory().get("/metrics", REMOTE_ADDR="10.0.0.1", headers={header: "10.0.0.2"})
    assert networks.comes_directly_from(direct, PRIVATE)
    assert not networks.comes_directly_from(forwarded, PRIVATE)
