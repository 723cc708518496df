"""The service itself on gunicorn with threads, started with the words that the other servers take."""

import argparse
import os
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--threads", default="128")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="8000")
    asked = parser.parse_args()
    words = ["-m", "gunicorn", "weathernote.wsgi:application", "--worker-class", "gthread", "--log-level", "error"]
    words += ["--workers", asked.workers, "--threads", asked.threads, "--keep-alive", "75"]
    words += ["--bind", f"{asked.host}:{asked.port}", "--worker-connections", "10000"]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - our own words


if __name__ == "__main__":
    main()
