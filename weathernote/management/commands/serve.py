"""`manage.py serve`, which `make run` and `make demo` run: all that the service needs on one machine."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weathernote.runtime import database, local_servers, serve
from weathernote.runtime.local_servers import LocalServerError


class Command(BaseCommand):
    """Prepares the database and becomes the server."""

    help = "Serves WeatherNote; without REDIS_URL it starts a key-value server, and stops it at the end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the options."""
        parser.add_argument("--demo", action="store_true", help="ask the built-in simulator in place of Open-Meteo")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replaces this process by the server, so that signals reach it directly."""
        # The workers run there too: a relative path in a setting then names the same file for all processes.
        os.chdir(settings.BASE_DIR)
        try:
            local_servers.require_free_port(settings.HOST, settings.PORT, serve.OTHER_PORT)
        except LocalServerError as error:
            raise CommandError(str(error)) from None
        try:
            database.prepare(demo=options["demo"], say=self.say)
        except KeyboardInterrupt:
            return
        demo = ["--demo"] if options["demo"] else []
        os.execv(sys.executable, [sys.executable, "-m", "weathernote.runtime.serve", *demo])  # noqa: S606 - our own words

    def say(self, line: str) -> None:
        """Prints a line at once, also into a pipe."""
        self.stdout.write(line)
        self.stdout.flush()
