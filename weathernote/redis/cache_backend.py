"""Django's cache over the same Redis: exact names, text only, one server or a cluster.

`ask` in redis.py takes its servers from here too, so that both are always the same ones.
"""

import threading
from typing import Any

from django_redis.client import DefaultClient
from django_redis.pool import ConnectionFactory
from django_redis.serializers.base import BaseSerializer
from redis.cluster import RedisCluster

from weathernote.redis.cluster import SCHEME, Cluster
from weathernote.redis.node import Node
from weathernote.redis.resolver import BY_NAME, Names

# What redis-py's pools want and its cluster does not take.
_FOR_POOLS = frozenset(("url", "parser_class", "max_connections", "retry"))
_making = threading.Lock()


class Connections(ConnectionFactory):
    """django-redis' factory, which also knows `redis+cluster://`."""

    #: One of each for the process: Django makes a cache, and this factory, for each thread.
    clusters: dict[str, Cluster] = {}

    def server(self, url: str) -> Node | Cluster:
        """What `ask` sends its commands to."""
        params = self.make_connection_params(url)
        if url.startswith(f"{SCHEME}:"):
            return self._cluster(params)
        pool = self.get_or_create_connection_pool(params)
        by_name = BY_NAME.get(pool.connection_class)
        if by_name is None:  # a socket of the file system
            return Node("redis", lambda: pool.connection_class(**pool.connection_kwargs))
        names = Names()
        return Node("redis", lambda: by_name(names=names, **pool.connection_kwargs))

    def get_connection(self, params: dict[str, Any]) -> Any:
        if params["url"].startswith(f"{SCHEME}:"):
            return self._cluster(params).client()
        return super().get_connection(params)

    def disconnect(self, connection: Any) -> None:
        if isinstance(connection, RedisCluster):
            connection.disconnect_connection_pools()
        else:
            super().disconnect(connection)

    def _cluster(self, params: dict[str, Any]) -> Cluster:
        url = params["url"]
        with _making:
            if url not in self.clusters:
                options = {
                    name: told for name, told in (params | self.pool_cls_kwargs).items() if name not in _FOR_POOLS
                }
                self.clusters[url] = Cluster(url, options)
            return self.clusters[url]


class CacheClient(DefaultClient):
    def get_many(self, keys: Any, version: int | None = None, client: Any = None) -> dict[str, Any]:
        client = client or self.get_client(write=False)
        if not isinstance(client, RedisCluster):
            return dict(super().get_many(keys, version=version, client=client))
        # One MGET must not cross slots.
        values = {key: self.get(key, version=version, client=client) for key in keys}
        return {key: value for key, value in values.items() if value is not None}


def exact_key(key: str, prefix: str, version: int) -> str:
    """Django's cache key as it is: the names in Redis are promised to the outside."""
    return key


def exact_key_reversed(key: str) -> str:
    return key


class TextSerializer(BaseSerializer):
    """Text in, text out, so that `redis-cli GET` shows what a phone gets and nothing can be unpickled."""

    def dumps(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"only text is kept in the cache, not {type(value).__name__}")
        return value.encode()

    def loads(self, value: bytes) -> str:
        return value.decode()
