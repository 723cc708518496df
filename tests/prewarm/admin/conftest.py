from concurrent.futures import Future

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from prewarm.admin import background_task
from prewarm.cities import views


def at_once(work) -> Future:
    """Done before the request goes on: what a test changes is seen by its own thread alone."""
    outcome: Future = Future()
    try:
        outcome.set_result(work())
    except Exception as error:
        outcome.set_exception(error)
    return outcome


@pytest.fixture
def editor(api, monkeypatch) -> Client:
    """One of the city editors, logged in."""
    monkeypatch.setattr(background_task, "begin", at_once)
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="city editors"))
    api.force_login(user)
    api.raise_request_exception = True
    views.cities_cache.cache_clear()
    return api
