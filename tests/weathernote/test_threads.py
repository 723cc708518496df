"""How soon threads switch, beside long work and without it."""

import sys

import pytest

from weathernote import threads

pytestmark = pytest.mark.pure


def test_threads_switch_sooner_until_the_last_long_work_ends() -> None:
    usual = sys.getswitchinterval()
    with threads.long_work():
        assert sys.getswitchinterval() == pytest.approx(usual / 10)
        with pytest.raises(ZeroDivisionError), threads.long_work():
            raise ZeroDivisionError
        assert sys.getswitchinterval() == pytest.approx(usual / 10)
    assert sys.getswitchinterval() == usual
