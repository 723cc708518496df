"""Keys that belong to one owner for a while, such as a lock or a lease: their value is the owner's token.

Only the owner renews or releases such a key: by then it may have expired and been taken by another process. They are at
the primary, so that an owner is the only one in all regions, but for those of a region's own Redis.
"""

from weathernote.redis.client import script
from weathernote.redis.servers.roles import Command, Role

_TAKE = """
local owner = redis.call('GET', KEYS[1])
local yields = ARGV[3] and owner and string.sub(owner, 1, #ARGV[3]) == ARGV[3]
if owner and owner ~= ARGV[1] and not yields then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_TAKE_AT = {role: script(_TAKE, role=role) for role in (Role.OWN, Role.PRIMARY)}
_RELEASE_AT = {role: script(_RELEASE, role=role) for role in (Role.OWN, Role.PRIMARY)}
_RENEW = script(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0",
    role=Role.PRIMARY,
)


def taking(key: str, token: str, milliseconds: int, over_from: str = "", role: Role = Role.PRIMARY) -> Command:
    """Takes the key for `milliseconds`, or renews it; the reply is 1, or 0 if its value is another token.

    It may be repeated, and takes a key that Redis has lost back if nobody else has it. An owner whose token begins with
    `over_from` is taken over from.
    """
    return _TAKE_AT[role](key, token, milliseconds, *([over_from] if over_from else []))


def renewing(key: str, token: str, milliseconds: int) -> Command:
    """Sets the life of the key to `milliseconds`; the reply is 1, or 0 if its value is not `token`."""
    return _RENEW(key, token, milliseconds)


def releasing(key: str, token: str, role: Role = Role.PRIMARY) -> Command:
    """Deletes the key; the reply is 1, or 0 if its value is not `token`."""
    return _RELEASE_AT[role](key, token)
