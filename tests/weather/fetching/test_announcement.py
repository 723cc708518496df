"""Whoever hears of a record finds it, in a real Redis."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from tests.support.servers import eventually
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weathernote.redis import client

pytest_plugins = ["tests.support.redis.fixtures"]

NEW_YORK = "/api/v1/weather?lat=40.7128&lon=-74.0060"
RECORD = WEATHER.record_key_of(Cell(407, -740))


def test_a_record_is_there_when_it_is_heard_of_also_if_redis_forgot_its_scripts(api, here, monkeypatch):
    in_full = client._in_full

    def late(command):
        sleep(0.05)  # what did not wait for the script is heard by now
        return in_full(command)

    monkeypatch.setattr(client, "_in_full", late)
    listening = here.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(WEATHER.held_channel)
    listening.get_message(timeout=5)  # that it listens
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(api.get, NEW_YORK)
        found = eventually(lambda: listening.get_message(timeout=5) and ("found" if here.exists(RECORD) else "missing"))
        assert answer.result().status_code == 200
    assert found == "found"
    listening.close()
