"""The servers that the project installs stand before those of the machine: what else the PATH has is chance."""

import os
from contextlib import suppress
from pathlib import Path

from weathernote.runtime import nginx
from weathernote.runtime.local_servers import LocalServerError, bundled_redis_binary


def put_on_path(folder: Path) -> None:
    """Under the names that the service looks for, for this process and all that it starts."""
    folder.mkdir()
    for name, binary in (("redis-server", bundled_redis_binary), ("nginx", lambda: nginx.bundled().binary)):
        with suppress(LocalServerError):  # there is none for this machine: its own is used
            (folder / name).symlink_to(binary())
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
