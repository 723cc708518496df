"""`manage.py serve`: everything that the service needs on one machine, behind `make run` and `make demo`."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weathernote.runtime import database, local_servers, serve
from weathernote.runtime.local_servers import LocalServerError


class Command(BaseCommand):
    """Prepares the database and becomes the server, under the same process ID."""

    help = "Serves WeatherNote; starts a key-value server where REDIS_URL is not set, and stops it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds `--demo`."""
        parser.add_argument("--demo", action="store_true", help="ask the built-in Open-Meteo simulator")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replaces this process by the server; raises CommandError with one line if port or database cannot be had."""
        # As for the workers, so that a relative path in a setting means the same file to all.
        os.chdir(settings.BASE_DIR)
        try:
            local_servers.require_free_port(settings.HOST, settings.PORT, serve.OTHER_PORT)
            database.prepare(demo=options["demo"], say=self.say)
        except LocalServerError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            return
        demo = ["--demo"] if options["demo"] else []
        os.execv(sys.executable, [sys.executable, "-m", "weathernote.runtime.serve", *demo])  # noqa: S606 - no shell and no input

    def say(self, line: str) -> None:
        """Writes the line at once, also where the output is a file."""
        self.stdout.write(line)
        self.stdout.flush()
