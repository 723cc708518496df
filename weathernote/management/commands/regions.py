"""`manage.py regions`: the three Redis servers of this region, who writes, and how far the replica is behind."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from weathernote.redis.replication import regions
from weathernote.redis.replication.heartbeat import MOST_LAG_SECONDS
from weathernote.redis.replication.info import Replication
from weathernote.redis.replication.regions import Server


class Command(BaseCommand):
    """Only looks. Exit 0: all as it should be; 1: users are served, with less; 2: nobody takes writes."""

    help = "Shows this region's Redis servers: who writes, who follows, how far behind. It promotes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds `--most-lag`."""
        parser.add_argument(
            "--most-lag",
            type=int,
            default=MOST_LAG_SECONDS,
            metavar="SECONDS",
            help=f"a replica that is further behind is a problem ({MOST_LAG_SECONDS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Writes a line for each server to stdout and one for each problem to stderr; exits with the worst."""
        found = regions.servers()
        primaries = regions.primaries(found)
        self.stdout.write(f"region     {settings.REGION or '(REGION is not set)'}")
        for server in found:
            roles = "+".join(regions.NAMES[role] for role in server.roles)
            self.stdout.write(f"{roles:<10} {server.address:<32} {_said(server, primaries)}")
        problems = regions.problems(found, most_lag_seconds=options["most_lag"])
        for problem in problems:
            self.stderr.write(problem.line)
        if problems:
            sys.exit(max(problem.severity for problem in problems))


def _said(server: Server, primaries: list[Replication]) -> str:
    said = server.replication
    if said is None:
        return server.unusable
    if not said.is_replica:
        refuses = ", takes no writes" if server.refusal else ""
        return f"master, {said.replicas} connected replica{'' if said.replicas == 1 else 's'}{refuses}"
    link = "connected" if said.is_linked else f"not connected for {said.silent_seconds} s"
    primary = regions.primary_of(said, primaries)
    behind = f", {said.lag_bytes(primary)} bytes and {said.lag_seconds(primary)} s behind" if primary else ""
    return f"replica of {said.follows}, {link}{behind}"
