"""Makes `users.acl`, who may do what in Redis: `python3 make_users.py /etc/redis [--cluster | --replicas]`.

Passwords are random and printed once; the file holds their hashes. It is never overwritten: for a new password make a
new file and load it by `ACL LOAD`. The service, prewarm and the admin connect as `weathernote`, people as `admin`;
`default`, the user of connections without a password, has no rights. Standard library only.
"""

import argparse
import hashlib
import os
import secrets
import sys
from pathlib import Path

#: The commands that the code sends, and no more: no scan, no flush, no configuration; INFO is for /metrics.
COMMANDS = (
    *("get", "mget", "set", "del", "incr", "incrby", "decrby", "type", "ttl", "pttl", "expire", "pexpire"),
    *("hget", "hset", "hsetnx", "hdel", "hlen", "hmget", "hgetall", "hincrby", "pfadd", "pfcount"),
    *("zadd", "zincrby", "zcard", "zcount", "zscore", "zmscore", "zrem", "zremrangebyrank", "zremrangebyscore"),
    *("zrangebyscore", "zrevrange", "zrevrangebyscore", "zunionstore"),
    *("eval", "evalsha", "time", "ping", "info", "publish", "subscribe"),
)
#: For slots that move, for the slot map, for the positions of keys in commands, which redis-py reads at its start, for
#: reading of replicas in another region, and for a channel of one shard.
CLUSTER_COMMANDS = ("asking", "cluster|slots", "command", "readonly", "spublish", "ssubscribe")
#: Patterns of all key names; `probe` never exists and is read to find out whether Redis is back.
KEYS = (
    *("weather:lat:*", "forecast:lat:*", "upstream:lat:*", "rejected:cells"),
    *("air_quality:lat:*", "upstream:air_quality:lat:*", "rejected:air_quality"),
    *("rate_limit:hash:*", "cold:client:*", "cold:address:*"),
    *("popularity:*", "active:{users}:*", "budget:open-meteo", "slot:{open-meteo}:*", "wanted:{open-meteo}:*"),
    *("runs:*", "fetched:*", "{graphql}:*", "prewarm:*", "cities:active", "cities:upload:*", "heartbeat:*", "probe"),
)
#: Patterns of the channels on which new records are announced to the processes that hold streams.
CHANNELS = ("held:*",)
#: The commands that a replica sends to its master.
REPLICATION = ("ping", "psync", "replconf")


def main(folder: Path, *, cluster: bool, replicas: bool = False) -> None:
    """Writes the files into `folder` and prints the passwords; exits with one line if a file exists already."""
    passwords = {name: secrets.token_urlsafe(32) for name in ("weathernote", "admin", "replica")}
    hashed = {name: hashlib.sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    _write(folder / "users.acl", users(hashed, cluster=cluster, replicas=replicas))
    if cluster or replicas:
        _write(folder / "replication.conf", f"masteruser replica\nmasterauth {passwords['replica']}\n")
    begins = "REDIS_URL=redis+cluster" if cluster else "RECORDS_REDIS_URL=rediss" if replicas else "REDIS_URL=redis"
    print(f"{begins}://weathernote:{passwords['weathernote']}@127.0.0.1:6379")
    print(f"For people: redis-cli --user admin --pass {passwords['admin']}")


def users(hashed: dict[str, str], *, cluster: bool, replicas: bool = False) -> str:
    """The text of users.acl, a line for each user; `hashed` maps names to SHA-256 hashes of passwords."""
    commands = (*COMMANDS, *CLUSTER_COMMANDS) if cluster else COMMANDS
    lines = [
        "user default off resetpass resetkeys resetchannels -@all",
        _user("weathernote", hashed, commands, KEYS, CHANNELS),
        f"user admin on #{hashed['admin']} allkeys allchannels +@all",
    ]
    if cluster or replicas:
        lines.append(_user("replica", hashed, REPLICATION, ()))
    return "\n".join(lines) + "\n"


def _user(
    name: str,
    hashed: dict[str, str],
    commands: tuple[str, ...],
    keys: tuple[str, ...],
    channels: tuple[str, ...] = (),
) -> str:
    patterns = [*(f"~{key}" for key in keys), *(f"&{channel}" for channel in channels)]
    rules = [*patterns, "-@all", *(f"+{command}" for command in commands)]
    return " ".join([f"user {name} on #{hashed[name]} resetkeys resetchannels", *rules])


def _write(file: Path, text: str) -> None:
    """Writes a file that only its owner may read; made as root, it needs `chown redis:` afterwards."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(text)
    except FileExistsError:
        sys.exit(f"{file} is there already: move it away first.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes users.acl for Redis, with random passwords.")
    parser.add_argument("folder", type=Path)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--cluster", action="store_true", help="also what replicas and a cluster's clients need")
    kinds.add_argument("--replicas", action="store_true", help="also what replicas in other regions need")
    given = parser.parse_args()
    main(given.folder, cluster=given.cluster, replicas=given.replicas)
