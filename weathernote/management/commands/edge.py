"""`manage.py edge`: nginx before two instances, behind `make edge`; or with `--render` its configuration alone."""

from argparse import ArgumentParser
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weathernote.runtime.edge import edge_configuration, local_edge, nginx
from weathernote.runtime.edge.edge_configuration import Edge
from weathernote.runtime.local_servers import LocalServerError

_LIVE = Path("/etc/letsencrypt/live")
_TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")


class Command(BaseCommand):
    """Serves behind nginx until Ctrl-C; with `--render` only writes nginx's configuration."""

    help = "Serves through nginx before two instances; --render writes nginx's configuration for machines of their own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds `--render` and the options that describe the machine which the configuration is for."""
        parser.add_argument(
            "--render", type=Path, metavar="FOLDER", help="only write the configuration into this folder"
        )
        parser.add_argument("--instances", default="127.0.0.1:8000,127.0.0.1:8001", help="host:port of each")
        parser.add_argument("--live", default="127.0.0.1:8011,127.0.0.1:8012", help="host:port of each live process")
        parser.add_argument("--other-edges", default="", help="host:port of other regions' edges, the nearest first")
        parser.add_argument("--other-edge-name", default="", help="the name in their certificates (the first host)")
        parser.add_argument("--peers", default="", help="the networks of edges that may ask this one")
        parser.add_argument("--trusted", type=Path, default=_TRUSTED, help="who vouches for other edges' certificates")
        parser.add_argument("--certificate", type=Path, help="fullchain.pem (Let's Encrypt's of the first host)")
        parser.add_argument("--certificate-key", type=Path, help="privkey.pem, likewise")
        parser.add_argument("--acme", type=Path, default=Path("/var/www/acme"), help="where certbot's webroot is")
        parser.add_argument("--load-modules", default=None, help="the line that loads JavaScript; found by default")
        parser.add_argument("--user", default="", help="the user of nginx's workers")
        parser.add_argument("--resolver", default="", help="the name server for instances that are named by host")

    def handle(self, *args: Any, **options: Any) -> None:
        """Renders or serves; raises CommandError with one line where a server cannot be started."""
        try:
            if options["render"]:
                self.say(f"Wrote {edge_configuration.render(_edge_of(options))}")
                return
            local_edge.serve(say=self.say)
        except LocalServerError as error:
            raise CommandError(str(error)) from None

    def say(self, line: str) -> None:
        """Writes the line at once, also where the output is a file."""
        self.stdout.write(line)
        self.stdout.flush()


def _edge_of(options: dict[str, Any]) -> Edge:
    if options["other_edges"] and not options["peers"]:
        raise CommandError("--other-edges: name the edges in --peers too, or they may ask each other in a circle.")
    name = settings.ALLOWED_HOSTS[0].lstrip(".")
    live = _LIVE / name
    # --load-modules is for another machine's nginx, which may be older than this one.
    load_modules = options["load_modules"]
    found = nginx.find() if load_modules is None else nginx.Nginx("nginx", load_modules)
    return Edge(
        folder=options["render"].absolute(),
        names=tuple(settings.ALLOWED_HOSTS),
        instances=tuple(options["instances"].split(",")),
        live=tuple(options["live"].split(",")),
        other_edges=_items(options["other_edges"]),
        other_edge_name=options["other_edge_name"] or name,
        peer_networks=_networks(options["peers"]),
        trusted=options["trusted"].absolute(),
        certificate=(options["certificate"] or live / "fullchain.pem").absolute(),
        certificate_key=(options["certificate_key"] or live / "privkey.pem").absolute(),
        acme_folder=options["acme"],
        staff_networks=tuple(settings.EDGE_STAFF_NETWORKS),
        load_modules=found.load_modules,
        spares_connections=found.spares_connections,
        user=options["user"],
        resolver=options["resolver"],
        address_requests=settings.EDGE_ADDRESS_REQUESTS,
        address_streams=settings.LIVE_STREAMS_PER_ADDRESS,
    )


def _items(text: str) -> tuple[str, ...]:
    return tuple(item for item in text.split(",") if item)


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(item) for item in _items(text))
    except ValueError as error:
        raise CommandError(f"--peers: {error}.") from None
