from copy import deepcopy

from tests.benchmarks import redis_memory


def test_each_client_has_a_count_that_outlives_the_measurement(valkey, valkey_server, settings, forget):
    settings.CACHES = deepcopy(settings.CACHES)
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    assert redis_memory.bytes_of_clients(valkey_server, 5) > 0
    keys = valkey.keys("rate_limit:hash:*")
    assert len(keys) == 5 and {valkey.get(key) for key in keys} == {"1"}
    assert min(map(valkey.ttl, keys)) > 3000
