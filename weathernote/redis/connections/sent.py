"""What stands for commands that were sent to a server, until their replies are received."""

from dataclasses import dataclass

from weathernote.redis.connections.connection import Connection
from weathernote.redis.outages.lost import RedisDown


@dataclass(frozen=True, slots=True)
class ReadsAlone:
    """Which of the commands were sent to a server that takes no writes, and what the others get."""

    connection: "Sent"
    indexes: list[int]
    down: RedisDown


Sent = Connection | RedisDown | ReadsAlone
