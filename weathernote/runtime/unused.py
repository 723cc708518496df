"""Loads the service without what its libraries import only because it is installed, and a server never uses.

That is a third of the modules: psycopg for fields of PostgreSQL that no model has, the libraries behind pages of DRF's
that are off, redis-py's asyncio clients.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Those who import them do without them where they are not installed.
OPTIONAL = (
    "anyio",  # granian, for asynchronous applications
    "chardet",  # requests; charset_normalizer does the same
    "colorama",  # Django, for colours on Windows
    "django.contrib.postgres",  # DRF, for its fields
    "dotenv",  # granian, for files of settings
    "markdown",  # DRF, for its browsable pages
    "opentelemetry",  # redis-py
    "pygments",  # DRF, for its browsable pages
    "uvloop",  # granian, for asynchronous applications
    "watchfiles",  # granian, for reloading
)
#: Packages of which some modules are imported, but no name of their own is used.
HOLLOW = ("redis.asyncio",)
#: Modules that stubs stand for until one of their functions or classes is used: by a request for the API's schema.
CALLED_LATER = ("rest_framework.test", "yaml")


@contextmanager
def without_unused() -> Iterator[None]:
    """Within the `with` block OPTIONAL are not to be found and those of HOLLOW are empty; not for threads.

    Modules of CALLED_LATER are loaded by the first call. Afterwards whoever imports one of all these gets it. What was
    imported before stays.
    """
    finder = _Unused()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.replaced:
            _forget(name)


class _Unused:
    """A finder that is asked before all others."""

    def __init__(self) -> None:
        self.replaced: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of what stands for a module, None where nothing does; raises ImportError for OPTIONAL."""
        if name in OPTIONAL:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        if name in CALLED_LATER:
            self.replaced.append(name)
            return ModuleSpec(name, _CalledLater())
        if name not in HOLLOW:
            return None
        self.replaced.append(name)
        # An empty package, whose modules are found where they are.
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [f"{folder}/{name.rpartition('.')[2]}" for folder in path or ()]
        return spec


class _CalledLater(Loader):
    """A loader of modules whose every name is a _Later."""

    def exec_module(self, module: ModuleType) -> None:
        """Has the module make one of each name that it is asked for."""
        module.__getattr__ = partial(_later, module.__name__)  # type: ignore[method-assign] # as PEP 562 has it


def _later(module: str, name: str) -> "_Later":
    if name.startswith("__"):
        raise AttributeError(name)
    return _Later(module, name)


class _Later:
    """What has a name in a module that is loaded once that is called, or a class is derived from it."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _loaded(self) -> Any:
        return getattr(import_module(self._module), self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._loaded()(*arguments, **named)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._loaded(),)


def _forget(name: str) -> None:
    parent, _, last = name.rpartition(".")
    sys.modules.pop(name, None)
    with suppress(KeyError, AttributeError):
        delattr(sys.modules[parent], last)
