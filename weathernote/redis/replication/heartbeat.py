"""A key at the primary with its time, which a replica has as late as all else: how far behind one is, in seconds.

Every serving process writes it every few seconds, and the first in a second wins. A link that is never silent tells
nothing of how old the writes are that come over it; a bytes' count nothing of their time.
"""

from time import monotonic

from weathernote.redis.client import each, execute, is_one_server, script, without_redis
from weathernote.redis.servers.by_role import server
from weathernote.redis.servers.roles import Role

KEY = "heartbeat:records"
#: A replica that is further behind than this has lost the key.
LIFE_SECONDS = 7 * 86_400
#: A replica that is further behind than this is a problem: as long as the alert waits for.
MOST_LAG_SECONDS = 60

_BEAT = script(
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local last = tonumber(redis.call('GET', KEYS[1]) or '')
if last and math.abs(now - last) < 1 then return tostring(last) end
local beat = string.format('%.3f', now)
redis.call('SET', KEYS[1], beat, 'EX', ARGV[1])
return beat
""",
    role=Role.PRIMARY,
)

#: The server that said so, the newest time that it was told of (unix seconds), and when (monotonic).
_known: tuple[object, float, float] | None = None


@without_redis(returns=None)
def beat() -> None:
    """Writes the primary's time, but where one server has all roles; remembers it for `known_lag_seconds`."""
    global _known
    if is_one_server():
        return
    (reply,) = execute(_BEAT(KEY, LIFE_SECONDS))
    _known = server(), float(reply), monotonic()


def beats(role: Role) -> dict[str, float]:
    """Server name → the time of the last heartbeat that it has, by the primary's clock; of a cluster one shard's."""
    return {name: float(reply) for name, reply in each("GET", KEY, role=role).items() if isinstance(reply, bytes)}


def lag_seconds() -> float | None:
    """How far the replica is behind the primary, both asked now; None where either has no heartbeat.

    While the primary does not answer it is taken to go on, as `known_lag_seconds` does.
    """
    at_replica = _oldest(Role.REPLICA)  # before the primary, which may be written to in between
    at_primary = _oldest(Role.PRIMARY)
    return _between(at_replica, _expected() if at_primary is None else at_primary)


def known_lag_seconds() -> float | None:
    """How far the replica is behind, by what this process last wrote at the primary; the replica alone is asked.

    It is some seconds too high, as no process writes all the time; None before the first `beat`.
    """
    return _between(_oldest(Role.REPLICA), _expected())


def _oldest(role: Role) -> float | None:
    return min(beats(role).values(), default=None)


def _expected() -> float | None:
    """What the primary's clock shows now, as far as this process knows."""
    if _known is None or _known[0] is not server():
        return None
    return _known[1] + monotonic() - _known[2]


def _between(at_replica: float | None, at_primary: float | None) -> float | None:
    return None if at_replica is None or at_primary is None else max(0.0, at_primary - at_replica)
