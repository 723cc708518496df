"""`manage.py runserver`, as Django people know it, with a key-value server where REDIS_URL is not set."""

import os
from typing import Any

from django.contrib.staticfiles.management.commands.runserver import Command as RunserverCommand
from django.core.management.base import CommandError
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from weathernote import setting_problems
from weathernote.runtime import local_servers, serve


class Command(RunserverCommand):
    """Django's development server, with a key-value server that ends with it where REDIS_URL is not set."""

    addr: str
    port: str

    def run(self, **options: Any) -> None:
        """Serves until Ctrl-C; raises CommandError with a line for each setting or port that prevents it."""
        # The autoreloader runs this command twice: the first process outlives every reload.
        if os.environ.get(DJANGO_AUTORELOAD_ENV):
            local_servers.end_with_parent()
            super().run(**options)
            return
        if problems := setting_problems.problems():
            raise CommandError("\n".join(problems))
        try:
            local_servers.require_free_port(
                self.addr, int(self.port), "name another, as in `manage.py runserver 8001`."
            )
            with serve.servers_beside(f"runserver-{self.port}", demo=False):
                super().run(**options)
        except local_servers.LocalServerError as error:
            raise CommandError(str(error)) from None
