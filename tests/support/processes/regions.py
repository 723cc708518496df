"""Three regions on this machine: each with its own Redis, one with the primary of the records, two with a replica.

The lines between a far region and the writer take 40 and 80 ms there and back.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.proxies.far_line import FarLine
from tests.support.servers import Instance, Valkey, eventually

#: Region → milliseconds of a round trip to the first one, where the records are written at the start.
ROUND_TRIPS_MS = {"home": 0, "far": 40, "farthest": 80}

_NOBODY_LISTENS = 9


@dataclass
class Region:
    """A region's servers, and its two lines to the server that all regions write to.

    `records` is the local server of records: the primary itself in the region that writes, else its replica.
    """

    name: str
    own: Valkey
    records: Valkey
    to_primary: FarLine
    replication: FarLine
    #: Waits until the process under test has stored what it fetched: it answers before.
    settle: Callable[[], None] = lambda: None

    @property
    def environment(self) -> dict[str, str]:
        """The service's settings in this region."""
        return {
            "REGION": self.name,
            "REDIS_URL": self.own.url,
            "RECORDS_REDIS_URL": self.to_primary.url,
            "RECORDS_REPLICA_URL": self.records.url,
        }

    def instance(self, folder: Path, **variables: object) -> Instance:
        """An instance of this region, started as an operator does; `variables` are further settings."""
        return Instance(folder, **{"WORKERS": 1, **self.environment, **variables})

    def cut_off(self) -> None:
        """The whole region loses its way to the writer: for its instances and for its replica."""
        self.settle()
        self.to_primary.cut()
        self.replication.cut()

    def lead_nowhere(self) -> None:
        """The whole region is refused by its way to the writer: each command fails at once, in place of waiting."""
        self.settle()
        for line in (self.to_primary, self.replication):
            line.move(_NOBODY_LISTENS)

    def lose_servers(self) -> None:
        """Ends the region's own Redis and its server of records at once."""
        self.own.kill()
        self.records.kill()

    def heal(self) -> None:
        self.to_primary.heal()
        self.replication.heal()


@dataclass
class Regions:
    """All regions; `writer` is the one whose server of records is the primary."""

    by_name: dict[str, Region]
    writer: Region
    are_near: bool = False
    #: Waits until the process under test has stored what it fetched: it answers before.
    settle: Callable[[], None] = lambda: None

    def __getitem__(self, name: str) -> Region:
        return self.by_name[name]

    def __iter__(self) -> Iterator[Region]:
        return iter(self.by_name.values())

    @property
    def primary(self) -> Valkey:
        """The server that all write to, once the process under test has stored what it can."""
        self.settle()
        return self.writer.records

    @property
    def far(self) -> list[Region]:
        """The regions with a replica."""
        return [region for region in self if region is not self.writer]

    def cut_off(self) -> None:
        """Every region loses its way to the writer, the one where it stands too."""
        for region in self:
            region.cut_off()

    def heal(self) -> None:
        for region in self:
            region.heal()

    def promote(self, name: str, *, old_returns: bool = True) -> None:
        """Moves the writer to a region as the runbook does; the old one follows it, unless it is away."""
        old, self.writer = self.writer, self[name]
        self.primary.client.execute_command("REPLICAOF", "NO", "ONE")
        for region in self:
            self.lead_to_writer(region)
        if old_returns:
            self.return_as_replica(old.name)

    def promote_beside(self, name: str) -> Region:
        """Moves the writer for all but the region that has it, where the old one goes on; gives that region."""
        old, self.writer = self.writer, self[name]
        self.primary.client.execute_command("REPLICAOF", "NO", "ONE")
        for region in self:
            if region is not old:
                self.lead_to_writer(region)
        return old

    def lead_to_writer(self, region: Region) -> None:
        """Leads a region's two lines to the present writer, as the DNS name does that is changed."""
        milliseconds = 0 if self.are_near else abs(ROUND_TRIPS_MS[region.name] - ROUND_TRIPS_MS[self.writer.name])
        for line in (region.to_primary, region.replication):
            line.round_trip_seconds = milliseconds / 1000
            line.move(self.primary.port)

    def return_as_replica(self, name: str) -> None:
        """A server of records that was the primary, or was away, follows the present primary."""
        region = self[name]
        region.records.client.execute_command("REPLICAOF", "127.0.0.1", region.replication.port)

    def draw_near(self) -> None:
        """Lets every line take no time until `restore`, for tests that send many requests over one."""
        self.are_near = True
        for region in self:
            region.to_primary.round_trip_seconds = region.replication.round_trip_seconds = 0.0

    def restore(self) -> None:
        """Makes everything as at the start: all servers run and are empty, the first region writes, no line is cut."""
        self.writer = next(iter(self))
        moved: list[Region] = []
        for region in self:
            for server in (region.own, region.records):
                server.revive()
                server.client.execute_command("CLIENT", "UNPAUSE")
            region.heal()
            lines = (region.to_primary, region.replication)
            if self.are_near or any(line.target != self.primary.port for line in lines):
                moved.append(region)
        self.are_near = False
        for region in moved:
            self.lead_to_writer(region)
        self.primary.client.execute_command("REPLICAOF", "NO", "ONE")
        for region in self.far:
            self.return_as_replica(region.name)
        for server in (self.primary, *(region.own for region in self)):
            server.client.flushall()
        self.wait_until_in_step()

    def in_step(self) -> bool:
        """Whether every replica is connected and has all that the primary wrote."""
        offset = self.primary.client.info("replication")["master_repl_offset"]
        told = [region.records.client.info("replication") for region in self.far]
        return all(one["master_link_status"] == "up" and one["slave_repl_offset"] >= offset for one in told)

    def wait_until_in_step(self, *, within_seconds: float = 60) -> None:
        eventually(self.in_step, within_seconds=within_seconds)


@contextmanager
def three_regions(folder: Path, *options: str) -> Iterator[Regions]:
    """Starts six servers and the lines between them, and waits for the replicas; `options` are for the records."""
    # A replica that hears nothing keeps its connection, so that a test may let it lag for as long as it likes.
    of_records = ("--repl-diskless-sync-delay", "0", "--repl-timeout", "3600", "--repl-backlog-size", "16mb", *options)
    with ExitStack() as stack:

        def started(name: str, *of_server: str) -> Valkey:
            server = Valkey(folder / name, *of_server)
            stack.callback(server.stop)
            return server

        def line(target: int, milliseconds: int) -> FarLine:
            return stack.enter_context(FarLine(target, milliseconds / 1000))

        primary: Valkey | None = None
        by_name: dict[str, Region] = {}
        for name, milliseconds in ROUND_TRIPS_MS.items():
            own = started(f"{name}-own")
            records = started(f"{name}-records", *of_records)
            primary = primary or records
            lines = line(primary.port, milliseconds), line(primary.port, milliseconds)
            by_name[name] = Region(name, own, records, *lines)
        regions = Regions(by_name, by_name["home"])
        for region in regions.far:
            regions.return_as_replica(region.name)
        regions.wait_until_in_step()
        yield regions
