"""The address of the service in the examples on its pages."""

import pytest

from weathernote.site import base_url


@pytest.mark.parametrize(
    ("hosts_are_real", "secure", "expected"),
    [
        (False, False, "http://testserver"),
        (False, True, "https://testserver"),
        (True, False, "https://testserver"),
    ],
)
def test_a_real_host_is_https_whatever_the_connection_is(rf, settings, hosts_are_real, secure, expected):
    settings.HOSTS_ARE_REAL = hosts_are_real
    assert base_url.base(rf.get("/", secure=secure)) == expected
