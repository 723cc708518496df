"""Which servers this region uses, who writes, and what is not as it should be: for `manage.py regions`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from weathernote.redis.client import each, info_fields
from weathernote.redis.outages.lost import RedisDown
from weathernote.redis.replication import heartbeat
from weathernote.redis.replication.heartbeat import MOST_LAG_SECONDS
from weathernote.redis.replication.info import Replication
from weathernote.redis.servers.by_role import servers_by_role, urls
from weathernote.redis.servers.node import WRITING_PROBE
from weathernote.redis.servers.roles import Role


class Severity(IntEnum):
    """How bad a problem is, as the exit code says it."""

    #: Users are served, with less than there could be.
    WORSE = 1
    #: Nothing new can be written for all regions.
    NO_WRITER = 2


@dataclass(frozen=True, slots=True)
class Server:
    """A server, what it is for, and what it says of replication; None with the reason if it does not answer.

    `remedy` says what to do about a reason that is known well, such as a certificate, and is empty for others.
    `refusal` is what a primary that takes no writes says of it.
    """

    roles: tuple[Role, ...]
    address: str
    replication: Replication | None
    reason: str = ""
    refusal: str = ""
    remedy: str = ""

    @property
    def unusable(self) -> str:
        """Why nothing can be asked of it, for one without `replication`."""
        return f"{'cannot be used' if self.remedy else 'does not answer'} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it, in one line."""

    severity: Severity
    line: str


def servers() -> list[Server]:
    """All servers of the settings, asked now: replicas before the primary, which may write in between."""
    by_role, of_roles = servers_by_role(), urls()
    found = []
    for role in (Role.REPLICA, Role.PRIMARY, Role.OWN):
        roles = tuple(other for other in Role if by_role[other] is by_role[role])
        if role is roles[0]:
            found += _asked(roles, of_roles[role])
    return found[::-1]


def _asked(roles: tuple[Role, ...], url: str) -> list[Server]:
    replies = each("INFO", role=roles[0])
    writes = each(*WRITING_PROBE, role=roles[0]) if Role.PRIMARY in roles else {}
    shown = address(url)
    if not replies:
        return [Server(roles, shown, None, "no node of the cluster answers")]
    beats = heartbeat.beats(roles[0])
    is_cluster = len(replies) > 1 or "," in shown
    names = {name: name if is_cluster else shown for name in replies}
    return [
        Server(
            roles,
            names[name],
            Replication.read(info_fields(reply)).with_heartbeat(beats.get(name)),
            refusal=_refusal(writes.get(name)),
        )
        if isinstance(reply, bytes)
        else Server(roles, names[name], None, _reason(reply), remedy=_remedy(reply, roles[0]))
        for name, reply in replies.items()
    ]


def _refusal(reply: object) -> str:
    return _reason(reply) if isinstance(reply, RedisDown) else ""


def address(url: str) -> str:
    """The URL without user, password and database: `host:port`, several of a cluster, or the path of a socket."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def _reason(reply: object) -> str:
    return str(reply).partition(": ")[2] or str(reply) if isinstance(reply, RedisDown) else str(reply)


def _remedy(reply: object, role: Role) -> str:
    return reply.remedy.format(url=_SETTINGS[role]) if isinstance(reply, RedisDown) else ""


def problems(found: list[Server], *, most_lag_seconds: int = MOST_LAG_SECONDS) -> list[Problem]:
    """What is wrong with these servers; empty where every one does what it is for."""
    return [*_own(found), *_primary(found), *_replica(found, most_lag_seconds)]


def primaries(found: list[Server]) -> list[Replication]:
    """What the servers that are written to say; those that do not answer are left out."""
    return [one.replication for one in found if Role.PRIMARY in one.roles and one.replication]


def primary_of(replica: Replication, of: list[Replication]) -> Replication | None:
    """The primary that has the writes which a replica has; None if it follows none of these."""
    return next((one for one in of if replica.has_history_of(one)), None)


def _own(found: list[Server]) -> Iterator[Problem]:
    for one in found:
        if Role.OWN not in one.roles:
            continue
        if one.replication is None:
            yield Problem(Severity.WORSE, f"own: {one.address} {one.unusable}. {_NO_OWN}: {one.remedy or _MEND_OWN}.")
        elif one.replication.is_replica:
            follows = one.replication.follows
            yield Problem(Severity.WORSE, f"own: {one.address} is a replica of {follows}. {_OWN_MUST_WRITE}")


def _primary(found: list[Server]) -> Iterator[Problem]:
    for one in found:
        if Role.PRIMARY not in one.roles:
            continue
        if one.replication is None:
            line = f"primary: {one.address} {one.unusable}. {_NO_PRIMARY}: {one.remedy or _MEND_PRIMARY}."
            yield Problem(Severity.NO_WRITER, line)
        elif one.replication.is_replica:
            follows = one.replication.follows
            line = f"primary: {one.address} is a replica of {follows}, so nothing is written. {_NOT_WRITABLE}"
            yield Problem(Severity.NO_WRITER, line)
        elif one.refusal:
            line = f"primary: {one.address} takes no writes ({one.refusal}). {_NO_REPLICAS}"
            yield Problem(Severity.NO_WRITER, line)


def _replica(found: list[Server], most_lag_seconds: int) -> Iterator[Problem]:
    known = primaries(found)
    for one in found:
        # A server that is the primary too has its problems told there.
        if Role.REPLICA not in one.roles or Role.PRIMARY in one.roles:
            continue
        if line := _of_a_replica(one, known, most_lag_seconds):
            yield Problem(Severity.WORSE, f"replica: {one.address} {line}")


def _of_a_replica(one: Server, known: list[Replication], most_lag_seconds: int) -> str:
    said = one.replication
    if said is None:
        return f"{one.unusable}. {_NO_REPLICA}: {one.remedy or _MEND_REPLICA}."
    primary = primary_of(said, known)
    if primary is None and known:
        return f"is a replica of {said.follows}. {_FOLLOWS_ANOTHER}" if said.is_replica else f"is a master. {_ALONE}"
    if not said.is_linked:
        return f"has had no connection to {said.follows} for {said.silent_seconds} s. {_CUT_OFF}"
    if primary and (lag := said.lag_seconds(primary)) > most_lag_seconds:
        return f"is {said.lag_bytes(primary)} bytes and {lag} s behind. {_BEHIND}"
    return ""


_NO_OWN = "Every answer is worked out anew and nobody is counted"
_MEND_OWN = "start it, or mend REDIS_URL"
_OWN_MUST_WRITE = "A region's own must be a master: REPLICAOF NO ONE there, or mend REDIS_URL."
_NO_PRIMARY = "Held cells are served and refreshes wait"
_MEND_PRIMARY = (
    'mend the way there or RECORDS_REDIS_URL; if it is gone, the runbook\'s "Move the writer to another region"'
)
_NOT_WRITABLE = (
    'Lead RECORDS_REDIS_URL to the master, or make it one: the runbook\'s "Move the writer to another region".'
)
_NO_REPLICAS = (
    "Mend the way to its replicas, or start one; if none is to come back, CONFIG SET min-replicas-to-write 0: the "
    'runbook\'s "A primary without replicas".'
)
_NO_REPLICA = "Records are read from the primary"
_MEND_REPLICA = "start it, or mend RECORDS_REPLICA_URL"
_FOLLOWS_ANOTHER = "That is not the primary of RECORDS_REDIS_URL: REPLICAOF there, or mend the URL."
_ALONE = "What other regions fetch does not come here: REPLICAOF PRIMARY PORT there, or mend RECORDS_REPLICA_URL."
_CUT_OFF = "Mend the way there, masterauth or its certificate; its log says which."
_BEHIND = "Look at the way to the primary, and at client-output-buffer-limit and repl-backlog-size there."

#: What is named for people by its role.
NAMES: Mapping[Role, str] = {Role.OWN: "own", Role.PRIMARY: "primary", Role.REPLICA: "replica"}

#: The setting that has the URL of a role's server. What has several roles is named by the first of these.
_SETTINGS: Mapping[Role, str] = {
    Role.OWN: "REDIS_URL",
    Role.PRIMARY: "RECORDS_REDIS_URL",
    Role.REPLICA: "RECORDS_REPLICA_URL",
}
