"""What the failure of a TLS handshake says, by OpenSSL's own errors; tests/regions/ has real servers."""

import ssl

import pytest

from weathernote.redis.outages.tls import TlsTimedOut, translated


def failure(reply: bytes) -> OSError:
    """What a client raises whose server answers its greeting so."""
    received = ssl.MemoryBIO()
    received.write(reply)
    client = ssl.create_default_context().wrap_bio(received, ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ssl.SSLError) as raised:
        client.do_handshake()
    return raised.value


def test_a_reply_that_is_not_tls_is_one_of_a_server_without_it():
    found = translated(failure(b"-ERR Protocol error: unbalanced quotes in request\r\n"))
    assert (str(found), found.remedy) == (
        "it answers without TLS",
        "name its TLS port in {url}, or have TLS switched on there",
    )


def test_any_other_failure_is_told_by_its_name():
    assert str(translated(failure(b"\x15\x03\x03\x00\x02\x02\x28"))) == (
        "the TLS handshake failed: SSLV3_ALERT_HANDSHAKE_FAILURE"
    )
    assert str(translated(ConnectionResetError(104, "Connection reset by peer"))) == (
        "the TLS handshake failed: Connection reset by peer"
    )


def test_a_handshake_that_takes_too_long_stays_a_timeout():
    found = translated(TimeoutError("the handshake operation timed out"))
    assert (
        isinstance(found, TlsTimedOut) and isinstance(found, TimeoutError) and "no TLS handshake in time" in str(found)
    )
