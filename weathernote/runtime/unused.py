"""Loads the service without what its libraries import only because it is installed, and a server never uses.

That is a third of the modules: psycopg for fields of PostgreSQL that no model has, the libraries behind pages of DRF's
that are off, redis-py's asyncio clients.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Those who import them do without them where they are not installed.
OPTIONAL = (
    "anyio",  # granian, for asynchronous applications
    "chardet",  # requests; charset_normalizer does the same
    "colorama",  # Django, for colours on Windows
    "django.contrib.postgres",  # DRF, for its fields
    "dotenv",  # granian, for files of settings
    "jinja2",  # Django's test client, which drf-spectacular imports
    "markdown",  # DRF, for its browsable pages
    "opentelemetry",  # redis-py
    "pygments",  # DRF, for its browsable pages
    "uvloop",  # granian, for asynchronous applications
    "watchfiles",  # granian, for reloading
)
#: Packages of which some modules are imported, but no name of their own is used.
HOLLOW = ("redis.asyncio",)


@contextmanager
def without_unused(hollow: Sequence[str] = HOLLOW) -> Iterator[None]:
    """Within the `with` block OPTIONAL are not to be found and packages of `hollow` are empty; not for threads.

    Afterwards whoever imports one of them gets it. What was imported before stays.
    """
    finder = _Unused(hollow)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.emptied:
            _forget(name)


class _Unused:
    """A finder that is asked before all others."""

    def __init__(self, hollow: Sequence[str]) -> None:
        self.hollow = hollow
        self.emptied: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of an empty package, whose modules are found where they are; raises ImportError for OPTIONAL."""
        if name in OPTIONAL:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        if name not in self.hollow:
            return None
        last = name.rpartition(".")[2]
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [f"{folder}/{last}" for folder in path or ()]
        self.emptied.append(name)
        return spec


def _forget(name: str) -> None:
    parent, _, last = name.rpartition(".")
    sys.modules.pop(name, None)
    with suppress(KeyError, AttributeError):
        delattr(sys.modules[parent], last)
