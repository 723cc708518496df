import pytest

from weathernote import redis

pytestmark = pytest.mark.pure


def test_the_fields_of_a_reply_are_read_by_name():
    reply = b"# Memory\r\nused_memory:1024\r\nos:Linux 6.1: x86\r\n\r\nbroken\xff line\r\n"
    assert redis.info_fields(reply) == {"used_memory": "1024", "os": "Linux 6.1: x86"}
