"""Puts the project's own Redis and nginx first on the PATH, so that tests run on the same servers everywhere."""

import os
from contextlib import suppress
from pathlib import Path

from weathernote.runtime.edge import nginx
from weathernote.runtime.local_servers import LocalServerError, bundled_redis_binary


def put_on_path(folder: Path) -> None:
    """Links the bundled servers into `folder`, which must not exist, and puts it first on the PATH of this process."""
    folder.mkdir()
    for name, binary in (("redis-server", bundled_redis_binary), ("nginx", lambda: nginx.bundled().binary)):
        with suppress(LocalServerError):  # there is none for this machine: its own is used
            (folder / name).symlink_to(binary())
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
