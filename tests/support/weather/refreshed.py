"""A refresh as another process would make it: a newer record of a cell that is held already, and word of it."""

import dataclasses

import redis

from tests.support.servers import Valkey
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.records.packing import pack, unpack, version_of


def refresh(server: Valkey, cell: Cell, degrees: float) -> None:
    """Has the cell be so warm from its first hour to its last, by a record of a second later than the one held."""
    client = redis.Redis(port=server.port, protocol=2)
    key, version = WEATHER.record_key_of(cell), version_of(WEATHER)
    held = client.hget(key, version)
    assert isinstance(held, bytes), f"nothing is held of {cell.key}"
    series = unpack(held, WEATHER)
    newer = dataclasses.replace(
        series,
        fetched_at=series.fetched_at + 1,
        columns={**series.columns, "temperature_2m": [degrees] * series.hours},
    )
    client.hset(key, version, pack(newer, WEATHER))
    client.publish(WEATHER.held_channel, cell.key)
    client.close()
