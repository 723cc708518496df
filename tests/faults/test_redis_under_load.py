"""Faults 1, 2 and 3 under load: Redis is killed, stopped or slow while 240 requests a second come in."""

import signal

import pytest
import requests

from tests.support.limits import LIFTED
from tests.support.load import Ask, Load
from tests.support.proxies.tcp_proxy import TcpProxy, later
from tests.support.servers import Instance, Valkey

SECONDS = 12
BREAKS_AT, MENDED_AT = 3, 8
CELLS = [f"/api/v1/weather?lat={n}.5&lon={n}.5" for n in range(60)]
ASKS = [Ask(path, f"client {n}", "hit") for n, path in enumerate(CELLS)]


@pytest.fixture
def valkey_of_ours(tmp_path):
    server = Valkey(tmp_path / "valkey")
    yield server
    server.stop()


def warm(instance):
    """Has both workers remember every cell: a connection is one worker's, and of sixteen some are each one's."""
    for _ in range(16):
        with requests.Session() as session:
            for path in CELLS:
                assert session.get(instance.base + path, timeout=15).ok


def measured(tmp_path, redis_url, simulator, break_it, mend_it, capsys):
    """What phones saw before, while and after Redis was broken; both workers had been asked for the cells before."""
    servers = {"REDIS_URL": redis_url, "OPEN_METEO_URL": simulator.url}
    with Instance(tmp_path / "instance", WORKERS=2, **servers, **LIFTED) as instance:
        warm(instance)
        simulator.reset()
        with Load(instance.base, ASKS, rate=240, seconds=SECONDS) as load:
            load.wait_for(BREAKS_AT)
            break_it()
            load.wait_for(MENDED_AT)
            mend_it()
            answers = load.answers()
    calls = simulator.state()["calls"]
    p99 = [answers.between(*span).latency_ms() for span in ((0, 3), (3, 8), (9, SECONDS))]
    with capsys.disabled():
        print(f"\n{answers.table()}\nsent {len(answers)}, failed {answers.failures()}, upstream calls {calls}")
        print("p99 before {:.1f} ms, meanwhile {:.1f} ms, after {:.1f} ms".format(*p99))
    return answers, calls


def test_a_redis_that_is_killed_is_noticed_by_nobody(tmp_path, valkey_of_ours, simulator, capsys):
    """Fault 1."""
    answers, calls = measured(
        tmp_path, valkey_of_ours.url, simulator, valkey_of_ours.kill, valkey_of_ours.start, capsys
    )
    assert answers.statuses() == {200: len(answers)} and len(answers) >= 200 * SECONDS
    assert calls <= len(CELLS)  # the new server is empty: a call for each cell at the most, and far fewer in batches


def test_a_redis_that_is_stopped_is_noticed_by_nobody(tmp_path, valkey_of_ours, simulator, capsys):
    """Fault 2: it takes connections and says nothing."""
    answers, calls = measured(
        tmp_path,
        valkey_of_ours.url,
        simulator,
        lambda: valkey_of_ours.signal(signal.SIGSTOP),
        lambda: valkey_of_ours.signal(signal.SIGCONT),
        capsys,
    )
    assert answers.statuses() == {200: len(answers)}
    assert calls == 0


def test_a_redis_that_is_slow_is_noticed_by_nobody(tmp_path, valkey_of_ours, simulator, capsys):
    """Fault 3: 200 ms on every reply."""
    with TcpProxy(valkey_of_ours.port) as proxy:

        def slow():
            proxy.on_reply = later(0.2)

        def quick():
            proxy.on_reply = None

        answers, calls = measured(tmp_path, proxy.url, simulator, slow, quick, capsys)
    assert answers.statuses() == {200: len(answers)}
    assert calls == 0
