"""What servers say of replication in their INFO: who writes, who follows whom, and how far behind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Replication:
    """A server's part in replication.

    `history` names the sequence of writes that it has, the same for a primary and all that follow it; `offset` is how
    many bytes of it. `follows` is `host:port` of the primary that it is told to follow, empty for a primary.
    `silent_seconds` is how long it has heard nothing of that one; `replicas` how many follow it. `beaten_at` is the
    last heartbeat that it has, by the primary's clock in unix seconds; None for none.
    """

    run: str
    history: str
    offset: int
    replicas: int
    follows: str = ""
    is_linked: bool = True
    silent_seconds: int = 0
    beaten_at: float | None = None

    @classmethod
    def read(cls, info: Mapping[str, str]) -> Self:
        """From the fields of INFO; what a server does not tell is empty or 0."""
        is_replica = info.get("role") == "slave"
        is_linked = info.get("master_link_status", "up") == "up"
        silent = "master_last_io_seconds_ago" if is_linked else "master_link_down_since_seconds"
        return cls(
            run=info.get("run_id", ""),
            history=info.get("master_replid", ""),
            offset=_number(info, "slave_repl_offset" if is_replica else "master_repl_offset"),
            replicas=_number(info, "connected_slaves"),
            follows=f"{info.get('master_host', '?')}:{info.get('master_port', '?')}" if is_replica else "",
            is_linked=is_linked,
            silent_seconds=max(0, _number(info, silent)) if is_replica else 0,
        )

    def with_heartbeat(self, at: float | None) -> Self:
        """The same with the last heartbeat."""
        return replace(self, beaten_at=at)

    @property
    def is_replica(self) -> bool:
        """Whether it follows another server, and so refuses writes."""
        return bool(self.follows)

    def has_history_of(self, primary: "Replication") -> bool:
        """Whether it is this primary, or a replica of it."""
        return self.run == primary.run or (self.is_replica and self.history == primary.history)

    def lag_bytes(self, primary: "Replication") -> int:
        """Bytes of writes that it lacks. Read the replica before the primary, which may write in between."""
        return 0 if self.run == primary.run else max(0, primary.offset - self.offset)

    def lag_seconds(self, primary: "Replication") -> int:
        """How old what it has may be: by the heartbeats of both, and 0 where it lacks nothing.

        Without heartbeats it is how long it has heard nothing: a primary that has nothing to say says so every ten
        seconds.
        """
        if not self.lag_bytes(primary) and self.is_linked:
            return 0
        if self.beaten_at is None or primary.beaten_at is None:
            return self.silent_seconds
        return max(0, round(primary.beaten_at - self.beaten_at))


def _number(info: Mapping[str, str], name: str) -> int:
    try:
        return int(info.get(name, 0))
    except ValueError:
        return 0
