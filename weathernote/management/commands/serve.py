"""`manage.py serve`: everything that the service needs on one machine, behind `make run` and `make demo`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from weathernote import server
from weathernote.local import LocalServerError


class Command(BaseCommand):
    help = "Serves WeatherNote; starts a key-value server where REDIS_URL is not set, and stops it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="ask the built-in Open-Meteo simulator")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            server.serve(demo=options["demo"], say=self.say)
        except LocalServerError as error:
            raise CommandError(str(error)) from None

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
