"""The gauges of a process: CPU, memory and the breaker."""

import os

from weathernote.telemetry import metrics, usage


def test_the_gauges_are_percentages_of_the_machine(api):
    usage.measure()
    sum(range(1_000_000))
    usage.measure()
    assert 0 < metrics.CPU_USAGE._value.get() <= 100
    assert 0 < metrics.MEMORY_USAGE._value.get() < 100
    assert metrics.REDIS_BREAKER_OPEN._value.get() == 0


def test_memory_is_in_bytes():
    assert 10**7 < usage.own_bytes() < usage.memory_bytes()
    assert usage.memory_bytes() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
