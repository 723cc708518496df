"""Waits until an instance serves: `python ready.py PORT`. With it `systemctl restart` returns when the instance is up.

Standard library only. Exits with 1 after SECONDS, or as soon as the instance (systemd's MAINPID) has ended, whose log
has the reason.
"""

import os
import sys
import time
import urllib.request
from contextlib import suppress

SECONDS = 90
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - values of HOST, and the address to connect to


def main(port: str) -> int:
    """Waits for /health; returns the exit code, 0 as soon as it answers 200, else 1."""
    host = os.environ.get("HOST") or "127.0.0.1"
    host = _ANYWHERE.get(host, host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/health"
    # No proxy of the environment stands between a machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and _lives(int(os.environ.get("MAINPID") or 0)):
        with suppress(OSError), opener.open(url, timeout=5) as answer:
            return int(answer.status != 200)
        time.sleep(0.2)
    return 1


def _lives(instance: int) -> bool:
    with suppress(ProcessLookupError):
        if instance:
            os.kill(instance, 0)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
