"""The settings for a process that need not load Django: `django.conf` loads asyncio, a third of such a process.

Where something else has loaded `django.conf`, `settings` are Django's own.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["settings"]


class _Settings:
    """Reads and sets what DJANGO_SETTINGS_MODULE names."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_held(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_held(), name, value)


def _held() -> Any:
    if django := sys.modules.get("django.conf"):
        return django.settings
    return import_module(os.environ["DJANGO_SETTINGS_MODULE"])


if TYPE_CHECKING:
    from django.conf import settings
else:
    settings = _Settings()
