"""Django's cache on the connections of `ask`: exact names, text only, one server or a cluster."""

from typing import Any

from django_redis.client import DefaultClient
from django_redis.pool import ConnectionFactory
from django_redis.serializers.base import BaseSerializer
from redis import Redis, exceptions
from redis.cluster import RedisCluster

from weathernote.redis.client import ask
from weathernote.redis.outages.lost import RedisDown
from weathernote.redis.servers import by_role
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.roles import Role


class SharedRedis(Redis):
    """redis-py's client, whose commands go through `ask`: over its connections, by its timeouts and its breaker.

    Pipelines and subscriptions take connections of redis-py's own pool.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """The reply as redis-py parses it; raises redis-py's ConnectionError without Redis, and its ResponseError."""
        name = args[0]
        (reply,) = ask((*name.split(), *args[1:]))
        if isinstance(reply, RedisDown):
            raise exceptions.ConnectionError(str(reply)) from reply
        if isinstance(reply, exceptions.ResponseError):
            raise reply
        options.pop("keys", None)  # for redis-py's cache in the process
        callback = self.response_callbacks.get(name)
        return reply if callback is None else callback(reply, **options)


class Connections(ConnectionFactory):
    """Gives django-redis a client of the region's own server or cluster."""

    def get_connection(self, params: dict[str, Any]) -> Any:
        """SharedRedis for one server; for a cluster redis-py's RedisCluster, or its ConnectionError without a map."""
        server = by_role.servers_by_role()[Role.OWN]
        if isinstance(server, Cluster):
            return server.client()
        return SharedRedis(connection_pool=self.get_or_create_connection_pool(params))

    def disconnect(self, connection: Any) -> None:
        """Closes the connections of redis-py's own pools, of every node in a cluster."""
        if isinstance(connection, RedisCluster):
            connection.disconnect_connection_pools()
        else:
            super().disconnect(connection)


class CacheClient(DefaultClient):
    """django-redis' client, but for `get_many` in a cluster."""

    def get_many(self, keys: Any, version: int | None = None, client: Any = None) -> dict[str, Any]:
        """Key → value for the keys that exist: by one MGET, in a cluster by a GET for each."""
        client = client or self.get_client(write=False)
        if not isinstance(client, RedisCluster):
            return dict(super().get_many(keys, version=version, client=client))
        # One MGET must not cross slots.
        values = {key: self.get(key, version=version, client=client) for key in keys}
        return {key: value for key, value in values.items() if value is not None}


def exact_key(key: str, prefix: str, version: int) -> str:
    """The key without prefix and version, since the names in Redis are promised to clients and operators."""
    return key


def exact_key_reversed(key: str) -> str:
    """The cache key for a name in Redis, which is the name itself."""
    return key


class TextSerializer(BaseSerializer):
    """Text in, text out, so that `redis-cli GET` shows what a phone gets and nothing can be unpickled."""

    def dumps(self, value: Any) -> bytes:
        """The text in UTF-8; raises TypeError for anything but text."""
        if not isinstance(value, str):
            raise TypeError(f"only text can be cached, not {type(value).__name__}")
        return value.encode()

    def loads(self, value: bytes) -> str:
        """The text of a value in Redis; raises UnicodeDecodeError if it is not UTF-8."""
        return value.decode()
