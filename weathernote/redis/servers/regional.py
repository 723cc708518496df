"""The servers of a region whose records have a primary elsewhere: each command goes to the one that it is for."""

from collections.abc import Mapping, Sequence
from typing import Any

from weathernote.redis.connections.connection import Reply
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.roles import Command, Role, ToReplica, role_of


class Regional:
    """Sends to all servers before it waits for the first, so that the nearby ones cost no further round trip.

    What is meant for the replica is read from the primary while the replica is known to be down.
    """

    def __init__(self, by_role: Mapping[Role, Node | Cluster]) -> None:
        self.by_role = dict(by_role)
        self._own, self._primary, self._replica = (self.by_role[role] for role in Role)

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """A reply for each command, in their order."""
        for command in commands:
            if type(command) is not tuple:
                break
        else:  # as of each answer that is found
            return self._own.exchange(commands)
        jobs: dict[Node | Cluster, list[int]] = {}
        for index, command in enumerate(commands):
            jobs.setdefault(self.server_for(command), []).append(index)
        if len(jobs) == 1:
            return next(iter(jobs)).exchange(commands)
        # A handshake with a server far away comes last: the others work on their commands meanwhile.
        order = sorted(jobs.items(), key=lambda job: not job[0].is_connected)
        sent: list[tuple[Node | Cluster, list[int], Any]] = [
            (server, mine, server.send([commands[index] for index in mine])) for server, mine in order
        ]
        # The primary, which may be far away, is waited for last: by then the time for the nearby ones' replies is over.
        sent.sort(key=lambda job: job[0] is self._primary)
        replies: list[Reply] = [None] * len(commands)
        for server, mine, awaited in sent:
            for index, reply in zip(mine, server.receive(awaited, len(mine)), strict=True):
                replies[index] = reply
        return replies

    def server_for(self, command: Command) -> Node | Cluster:
        """The server that a command is sent to now."""
        if type(command) is tuple:
            return self._own
        if isinstance(command, ToReplica):
            return self._primary if self._replica.refuses(command) else self._replica
        return self.by_role[role_of(command)]

    def refuses(self, command: Command) -> bool:
        """Whether the server for the command is known to be down, so that the command would not be sent."""
        return self.server_for(command).refuses(command)

    def servers(self) -> list[Node | Cluster]:
        """Each server once, the region's own first."""
        return list(dict.fromkeys(self.by_role.values()))

    def masters(self) -> list[Node]:
        """The nodes of all servers."""
        return [node for server in self.servers() for node in server.masters()]

    def close(self) -> None:
        """Ends the probes and threads of all servers."""
        for server in self.servers():
            server.close()
