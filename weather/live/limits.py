"""How many streams are open: of each client, of each address and in all; pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from weathernote.http.headers import rate_limit_headers
from weathernote.http.problems import Problem

Limit = Literal["client", "address", "all"]
#: When a client may come again that found no room: others end their streams at any time.
RETRY_SECONDS = 30


@dataclass(slots=True)
class Limits:
    """Counts the streams of this process; clients and addresses are hashes."""

    of_client: int
    of_address: int
    of_all: int
    open: int = 0
    clients: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)

    def exceeded(self, client: str, address: str) -> Limit | None:
        """The limit that one more stream of the client would exceed, if any."""
        if self.open >= self.of_all:
            return "all"
        if self.addresses[address] >= self.of_address:
            return "address"
        return "client" if self.clients[client] >= self.of_client else None

    def opened(self, client: str, address: str) -> None:
        """Counts a stream that was opened."""
        self.open += 1
        self.clients[client] += 1
        self.addresses[address] += 1

    def closed(self, client: str, address: str) -> None:
        """Counts off a stream that was opened before."""
        self.open -= 1
        for counts, name in ((self.clients, client), (self.addresses, address)):
            counts[name] -= 1
            if counts[name] <= 0:  # those who have left are forgotten
                del counts[name]

    def problem(self, limit: Limit) -> Problem:
        """What a client is told for whom there is no room."""
        if limit == "all":
            return Problem("overloaded", "This process has no room for a further stream.", retry_after_seconds=1)
        quota = self.of_client if limit == "client" else self.of_address
        return Problem(
            "rate_limited",
            f"There are {quota} open streams of this {limit} already.",
            retry_after_seconds=RETRY_SECONDS,
            policy=rate_limit_headers.policy(f"streams-{limit}", quota, RETRY_SECONDS),
        )
