"""The product's settings, with more patience for Redis, for instances whose test is not about a slow one.

On a busy machine a reply may take longer than a phone may wait for it, and the service would go on without Redis.
"""

from typing import Any

from weathernote.settings import *  # noqa: F403 - all of them

_caches: Any = CACHES  # noqa: F405
_caches["default"]["OPTIONS"] |= {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2}
