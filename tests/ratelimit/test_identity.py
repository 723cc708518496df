import logging

import pytest
from blake3 import blake3

from ratelimit import identity
from ratelimit.identity import hashed, identify


def client_of(rf, **meta) -> str:
    return identify(rf.get("/", **meta)).hash


def test_a_client_is_the_first_eight_digits_of_its_ids_hash(rf):
    assert client_of(rf, HTTP_X_CLIENT_ID="phone-1") == blake3(b"phone-1").hexdigest()[:8]
    assert hashed("abc") == "6437b3ac"


def test_with_a_key_the_hash_is_keyed(rf, settings):
    settings.RATE_LIMIT_HASH_KEY = "pepper"
    key = blake3(b"pepper").digest()
    assert hashed("abc") == blake3(b"abc", key=key).hexdigest()[:8] != "6437b3ac"


@pytest.mark.parametrize("client_id", ["x", "x" * 128, "550e8400-e29b-41d4-a716-446655440000", "a b", "~!@#$%^&*()"])
def test_a_printable_id_of_up_to_128_characters_is_taken(rf, client_id):
    assert client_of(rf, HTTP_X_CLIENT_ID=client_id) == hashed(client_id)


@pytest.mark.parametrize("client_id", ["", "x" * 129, "caf\xe9", "a\tb", "a\x00b", "\u0664", "address:198.51.100.1"])
def test_other_ids_count_as_their_address(rf, client_id):
    assert client_of(rf, HTTP_X_CLIENT_ID=client_id, REMOTE_ADDR="203.0.113.7") == hashed("address:203.0.113.7")


def test_addresses_of_one_ipv6_network_are_one_client(rf):
    clients = {client_of(rf, REMOTE_ADDR=f"2001:db8:1:2::{host:x}") for host in range(1, 200)}
    assert clients == {hashed("address:2001:db8:1:2::/64")}
    assert client_of(rf, REMOTE_ADDR="2001:db8:1:3::1") not in clients


def test_an_ipv4_address_in_ipv6_clothes_is_itself(rf):
    assert client_of(rf, REMOTE_ADDR="::ffff:203.0.113.7") == hashed("address:203.0.113.7")


def test_a_forwarded_header_is_not_believed_without_a_trusted_proxy_and_warned_about_once(rf, caplog):
    identity._warn_of_forwarded_header.cache_clear()
    with caplog.at_level(logging.WARNING):
        clients = {client_of(rf, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}", REMOTE_ADDR="10.0.0.1") for n in range(200)}
    assert clients == {hashed("address:10.0.0.1")}
    assert [record.message.count("TRUSTED_PROXY_COUNT") for record in caplog.records] == [1]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6,7.7.7.7,203.0.113.7", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 192.0.2.1", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.1"),  # fewer hops than trusted proxies: someone came past them
        (1, "nonsense", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "203.0.113.7:4711", "203.0.113.7"),
        (1, "[2001:db8::1]:4711", "2001:db8::/64"),
        (1, "2001:db8::1", "2001:db8::/64"),
    ],
)
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw(rf, settings, proxies, forwarded, address):
    settings.TRUSTED_PROXY_COUNT = proxies
    assert client_of(rf, HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="10.0.0.1") == hashed("address:" + address)


def test_a_socket_without_an_address_is_a_client_too(rf):
    assert client_of(rf, REMOTE_ADDR="") == hashed("address:unknown")


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:1:2::/64", "2001:db8:1:2::1", "unknown"])
def test_an_id_that_reads_as_an_address_is_its_own(rf, address):
    said = identify(rf.get("/", HTTP_X_CLIENT_ID=address, REMOTE_ADDR="198.51.100.1"))
    assert said.hash == hashed(address) != identify(rf.get("/", REMOTE_ADDR=address.partition("/")[0])).hash
    assert said.address_hash == hashed("address:198.51.100.1")


@pytest.mark.parametrize("client_id", ["ADDRESS:203.0.113.7", "address", " address:203.0.113.7"])
def test_what_only_looks_like_the_prefix_is_an_id(rf, client_id):
    assert client_of(rf, HTTP_X_CLIENT_ID=client_id) == hashed(client_id)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("2001:DB8:0001:0002:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:0:0:1::1", "2001:0:0:1::/64"),
        ("0:0:0:1::1", "0:0:0:1::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_network_is_written_one_way(rf, address, network):
    assert client_of(rf, REMOTE_ADDR=address) == hashed(f"address:{network}")
