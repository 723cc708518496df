"""Settings without Django, which nothing in this process is any more."""

import sys
from typing import Any

import pytest

from weathernote.bare_settings import settings as bare


def test_where_django_is_loaded_they_are_its_own(settings: Any) -> None:
    settings.WORKERS = 7
    assert bare.WORKERS == 7
    bare.WORKERS = 9
    assert settings.WORKERS == 9


def test_else_they_are_those_of_the_module(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WORKERS = 7
    monkeypatch.delitem(sys.modules, "django.conf")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "weathernote.settings")
    module = sys.modules["weathernote.settings"]
    assert bare.WORKERS == module.WORKERS
    with pytest.raises(AttributeError):
        getattr(bare, "NO_SUCH_SETTING")  # noqa: B009 - mypy knows that there is none
