"""Renders nginx's configuration from the service's settings, so that both use the same limits.

The templates are in deploy/nginx/; `${NAME}` in capitals is filled in, nginx's own `$names` are left alone.
"""

import json
import math
import re
import resource
import shutil
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from blake3 import blake3
from django.conf import settings

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
_PLACE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
#: Parts of a worker's open files: a stream or a request takes two connections, one to the phone and one inwards, and a
#: request up to one file of the cache, for which three of ten are left; and of a fifteenth the file stays open.
_CONNECTIONS_PART, _OPEN_CELLS_PART = 0.6, 1 / 15
MOST_CONNECTIONS = 40_960
_MOST_OF_LIMIT_CONN = 65_535
#: Longer than two heartbeats of a stream (weather/live), by which a live process knows whether a phone is still there.
STREAM_SECONDS = 60
#: How long a reload leaves open streams to the workers before it.
RELOAD_SECONDS = 3600
#: Exists if Linux has IPv6.
_IPV6 = Path("/proc/net/if_inet6")


@dataclass(frozen=True)
class Edge:
    """An edge: its ports, the instances and live processes behind it, and the limits for one address.

    `folder` is for the configuration, the logs and the cache; `instances`, `live` and `other_edges` are `host:port`.
    `other_edges`, the nearest first, are asked where no instance answers; their certificates have `other_edge_name` and
    are vouched for by `trusted`. Edges in `peer_networks` are believed for whom they pass a request on.
    """

    folder: Path
    names: tuple[str, ...]
    instances: tuple[str, ...]
    live: tuple[str, ...]
    certificate: Path
    certificate_key: Path
    listen_https: str = "443"
    listen_http: str = "80"
    https_port: int = 443
    acme_folder: Path = Path("/var/www/acme")
    staff_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    other_edges: tuple[str, ...] = ()
    other_edge_name: str = "localhost"
    peer_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    trusted: Path = Path("/etc/ssl/certs/ca-certificates.crt")
    load_modules: str = ""
    spares_connections: bool = False
    user: str = ""
    resolver: str = ""
    address_requests: int = 1000
    address_streams: int = 500
    error_log_level: str = "alert"
    hand_seconds: int = 5
    cache_size: str = "1g"
    questions_size: str = "256m"


def render(edge: Edge) -> Path:
    """Writes all files of the configuration into the edge's folder; returns the one to start nginx with."""
    for name in ("cache", "questions", "graphql", "temp"):
        (edge.folder / name).mkdir(parents=True, exist_ok=True)
    values = _values(edge)
    for template in TEMPLATES.glob("*.conf.template"):
        (edge.folder / template.stem).write_text(filled_in(template.read_text(), values))
    for plain in TEMPLATES.glob("*.conf"):
        shutil.copyfile(plain, edge.folder / plain.name)
    limits = edge.folder / "limits.json"
    limits.touch(mode=0o600)  # it holds the key of the clients' hash
    limits.chmod(0o600)
    limits.write_text(json.dumps(_limits(edge)))
    return edge.folder / "nginx.conf"


def filled_in(template: str, values: dict[str, str]) -> str:
    """The template with its `${NAME}`s replaced; raises KeyError for one without a value."""
    return _PLACE.sub(lambda place: values[place[1]], template)


def _values(edge: Edge) -> dict[str, str]:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = min(allowed, math.ceil(MOST_CONNECTIONS / _CONNECTIONS_PART))
    return {
        "FOLDER": str(edge.folder),
        "NJS": str(TEMPLATES / "njs"),
        # `*` means any host to Django; nginx needs a pattern.
        "NAMES": "~." if "*" in edge.names else " ".join(edge.names),
        "LISTEN_HTTP": edge.listen_http,
        "LISTEN_HTTPS": edge.listen_https,
        **_listen_on_ipv6(edge),
        "HTTPS_PORT": "" if edge.https_port == 443 else f":{edge.https_port}",
        "INSTANCES": "\n".join(_servers(edge.instances)),
        "LIVE": "\n".join(f"        server {one} max_fails=0;" for one in edge.live),
        **_other_edges(edge),
        "CERTIFICATE": str(edge.certificate),
        "CERTIFICATE_KEY": str(edge.certificate_key),
        "ACME": str(edge.acme_folder),
        "STAFF": "\n".join([f"        allow {network};" for network in edge.staff_networks] + ["        deny all;"]),
        "USER": f"user {edge.user};" if edge.user else "",
        "LOAD_MODULES": edge.load_modules,
        "SPARED": "keepalive_min_timeout 20s;" if edge.spares_connections else "",
        "RESOLVER": f"resolver {edge.resolver};" if edge.resolver else "",
        "OPEN_FILES": str(descriptors),
        "WORKER_CONNECTIONS": str(int(descriptors * _CONNECTIONS_PART)),
        "OPEN_CELLS": str(int(descriptors * _OPEN_CELLS_PART)),
        "ERROR_LOG_LEVEL": edge.error_log_level,
        "ADDRESS_REQUESTS": str(edge.address_requests),
        "ADDRESS_BURST": str(max(1, edge.address_requests // 2)),
        "ADDRESS_CONNECTIONS": str(min(edge.address_requests, _MOST_OF_LIMIT_CONN)),
        "ADDRESS_STREAMS": str(min(edge.address_streams, _MOST_OF_LIMIT_CONN)),
        "STREAM_SECONDS": str(STREAM_SECONDS),
        "RELOAD_SECONDS": str(RELOAD_SECONDS),
        "REQUESTS": str(settings.RATE_LIMIT_REQUESTS),
        "WINDOW_SECONDS": str(settings.RATE_LIMIT_WINDOW_SECONDS),
        "READ_TIMEOUT": str(math.ceil(settings.UPSTREAM_TIMEOUT_SECONDS) + 3),
        "LIMITED": _limited(),
        "CACHE_SIZE": edge.cache_size,
        "QUESTIONS_SIZE": edge.questions_size,
        "CORS_ORIGIN": "*" if settings.API_CORS else "",
        "HAND_SECONDS": str(edge.hand_seconds),
    }


def _limited() -> str:
    """What Open-Meteo's clients are told who are over their limit, as by weather.openmeteo_api.errors."""
    if settings.RATE_LIMIT_WINDOW_SECONDS == 60:
        return "Minutely API request limit exceeded. Please try again in one minute."
    return "Too many requests; come again in $edge_retry_after s."


def _listen_on_ipv6(edge: Edge) -> dict[str, str]:
    """`listen` directives for IPv6, if there is IPv6: given a port alone, nginx listens on IPv4 only."""
    http = f"listen [::]:{edge.listen_http}" if _IPV6.exists() and edge.listen_http.isdecimal() else ""
    https = f"listen [::]:{edge.listen_https} ssl" if _IPV6.exists() and edge.listen_https.isdecimal() else ""
    both = f"{http} default_server; {https} default_server;" if http and https else ""
    return {
        "LISTEN_HTTP_TOO": http and f"{http};",
        "LISTEN_HTTPS_TOO": https and f"{https};",
        "LISTEN_DEFAULT_TOO": both,
    }


def _servers(instances: tuple[str, ...]) -> list[str]:
    """`server` directives, two for each instance: if all have just failed, requests still try them as backups."""
    kinds = ("max_fails=2 fail_timeout=2s", "max_fails=0 backup")
    return [f"        server {one} {kind};" for kind in kinds for one in instances]


def _other_edges(edge: Edge) -> dict[str, str]:
    """Which edges of other regions are asked, and for which kinds of requests; none where there is none."""
    servers = [
        f"        server {one} max_fails=2 fail_timeout=2s{' backup' if at else ''};"
        for at, one in enumerate(edge.other_edges)
    ]
    locations = {"answers": "@other_edge", "questions": "@other_edge_questions", "streams": "@other_edge_streams"}
    passed_on = [f'        "{kind} " {location};' for kind, location in locations.items()]
    believed = [f"    set_real_ip_from {network};" for network in edge.peer_networks]
    return {
        "OTHER_EDGES": "\n".join(servers or ["        server 127.0.0.1:9 down;"]),
        "OTHER_EDGE_NAME": edge.other_edge_name,
        "PASSED_ON": "\n".join(passed_on if servers else []),
        "PEER_ADDRESSES": "\n".join(f"        {network} 1;" for network in edge.peer_networks),
        "PEERS": "\n".join([*believed, "    real_ip_header X-Forwarded-For;"] if believed else []),
        # nginx wants the file to be there, needed or not.
        "TRUSTED": str(edge.trusted if edge.other_edges else edge.certificate),
    }


def _limits(edge: Edge) -> dict[str, object]:
    """The numbers for the edge's JavaScript; edges with the same secret hash a client to the same name."""
    secret = settings.RATE_LIMIT_HASH_KEY
    return {
        "requests": settings.RATE_LIMIT_REQUESTS,
        "window_seconds": settings.RATE_LIMIT_WINDOW_SECONDS,
        "hash_key": blake3(secret.encode()).hexdigest(length=8) if secret else "",
        "instances": edge.instances,
    }
