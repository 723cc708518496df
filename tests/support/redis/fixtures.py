"""Fixtures of the tests that break Redis: servers to break, a proxy before one, and why commands were lost."""

import pytest

from tests.support.proxies.tcp_proxy import TcpProxy
from tests.support.servers import Valkey


@pytest.fixture
def use(settings, forget, monkeypatch):
    """Points the service at a server by its URL, for which it waits no longer than it would."""

    def pointed(url: str) -> None:
        settings.CACHES["default"]["LOCATION"] = [url]
        for name in ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT"):
            monkeypatch.setitem(settings.CACHES["default"]["OPTIONS"], name, settings.REDIS_TIMEOUT_SECONDS)
        forget()

    return pointed


@pytest.fixture
def here(use, valkey, valkey_server):
    """The session's own server, empty; a client of it."""
    valkey.script_flush()
    use(valkey_server.url)
    return valkey


@pytest.fixture
def proxied(here, use, valkey_server):
    with TcpProxy(valkey_server.port) as proxy:
        use(proxy.url)
        yield proxy


@pytest.fixture
def own(tmp_path, use):
    """Starts a server that the test may stop, kill or fill."""
    servers: list[Valkey] = []

    def started(*options: str) -> Valkey:
        servers.append(Valkey(tmp_path / str(len(servers)), *options))
        use(servers[-1].url)
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


@pytest.fixture
def lost(monkeypatch):
    """The reasons that were given for lost commands, one for each command."""
    reasons: list[str] = []
    monkeypatch.setattr(
        "weathernote.redis.outages.lost.on_lost", [lambda reason, count: reasons.extend([reason] * count)]
    )
    return reasons
