"""`manage.py live`: the process that holds the phones' open streams."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weathernote import setting_problems
from weathernote.runtime.live import live_process
from weathernote.runtime.local_servers import LocalServerError


class Command(BaseCommand):
    """Holds streams until Ctrl-C or SIGTERM, and closes them spread over DRAIN_SECONDS."""

    # Settings that make no sense are named below; all other checks would load what no stream needs.
    requires_system_checks = ()
    help = "Holds open streams (WebSocket and server-sent events) of the weather; `make run` starts it too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds where to listen."""
        parser.add_argument("--host", default=settings.HOST, help="the address to listen on (HOST)")
        parser.add_argument(
            "--port", type=int, default=settings.LIVE_PORT or live_process.DEFAULT_PORT, help="LIVE_PORT"
        )
        parser.add_argument("--quiet", action="store_true", help="do not say where it listens")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serves; raises CommandError with a line for each bad setting, or where the port is taken."""
        if problems := setting_problems.problems():
            raise CommandError("\n".join(problems))
        os.chdir(settings.BASE_DIR)
        try:
            live_process.serve(options["host"], options["port"], (lambda line: None) if options["quiet"] else self.say)
        except LocalServerError as error:
            raise CommandError(str(error)) from None

    def say(self, line: str) -> None:
        """Writes the line at once, also where the output is a file."""
        self.stdout.write(line)
        self.stdout.flush()
