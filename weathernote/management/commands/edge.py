"""`manage.py edge`, which `make edge` runs: nginx before two instances, or with `--render` only its configuration."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weathernote.runtime import edge, edge_configuration, nginx
from weathernote.runtime.edge_configuration import Edge
from weathernote.runtime.local_servers import LocalServerError

_LETSENCRYPT = Path("/etc/letsencrypt/live")


class Command(BaseCommand):
    """Serves through nginx, or renders its configuration."""

    help = "Serves through nginx before two instances; --render only writes nginx's configuration."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "--render", type=Path, metavar="FOLDER", help="write the configuration there, start nothing"
        )
        parser.add_argument("--instances", default="127.0.0.1:8000,127.0.0.1:8001", help="host:port of each")
        parser.add_argument("--certificate", type=Path, help="fullchain.pem (Let's Encrypt's of the first host)")
        parser.add_argument("--certificate-key", type=Path, help="privkey.pem, likewise")
        parser.add_argument(
            "--acme", type=Path, default=Path("/var/www/acme"), help="the webroot that certbot writes to"
        )
        parser.add_argument("--load-modules", default=None, help="the directive that loads njs; found by default")
        parser.add_argument("--user", default="", help="the user that nginx's workers run as")
        parser.add_argument("--resolver", default="", help="a DNS server, if instances are given by name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Renders and returns, or serves until a signal ends it."""
        try:
            if options["render"]:
                self.say(f"Wrote {edge_configuration.render(_edge_of(options))}")
                return
            edge.serve(say=self.say)
        except LocalServerError as error:
            raise CommandError(str(error)) from None

    def say(self, line: str) -> None:
        """Prints a line at once, also into a pipe."""
        self.stdout.write(line)
        self.stdout.flush()


def _edge_of(options: dict[str, Any]) -> Edge:
    letsencrypt = _LETSENCRYPT / settings.ALLOWED_HOSTS[0].lstrip(".")
    # With --load-modules the configuration is for another machine, whose nginx may be older than the one here.
    load_modules = options["load_modules"]
    found = nginx.find() if load_modules is None else nginx.Nginx("nginx", load_modules)
    return Edge(
        folder=options["render"].absolute(),
        names=tuple(settings.ALLOWED_HOSTS),
        instances=tuple(options["instances"].split(",")),
        certificate=(options["certificate"] or letsencrypt / "fullchain.pem").absolute(),
        certificate_key=(options["certificate_key"] or letsencrypt / "privkey.pem").absolute(),
        acme_folder=options["acme"],
        staff_networks=tuple(settings.EDGE_STAFF_NETWORKS),
        load_modules=found.load_modules,
        spares_connections=found.spares_connections,
        user=options["user"],
        resolver=options["resolver"],
        address_requests=settings.EDGE_ADDRESS_REQUESTS,
    )
