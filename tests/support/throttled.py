"""The API with the limit that clients meet, by window and by token bucket, and a client that asks it."""

import pytest

from ratelimit.throttling import ClientTokenBucketThrottle

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"


@pytest.fixture
def limited(api, settings):
    """The API with the limit that clients meet."""
    settings.RATE_LIMIT_REQUESTS = 60
    return api


@pytest.fixture
def bucket(limited, monkeypatch):
    """The API with that limit as a token bucket."""
    from weather.api.views import CellViewSet

    monkeypatch.setattr(CellViewSet, "throttle_classes", [ClientTokenBucketThrottle])
    return limited


def ask(api, client_id="phone", path=WEATHER, **headers):
    """The response to a GET by this client."""
    return api.get(path, headers={"x-client-id": client_id, **headers})
