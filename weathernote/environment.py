"""Typed readers of the environment for settings.py, which collect errors instead of raising them.

A wrong value leaves its default in force, so that `manage.py check` can run and name every one of
them (weathernote.E001) instead of stopping at the first with a traceback.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
Network = IPv4Network | IPv6Network
#: Options of a database's URL that are for Django and not for the driver.
_DJANGO_OPTIONS = frozenset(
    {"ATOMIC_REQUESTS", "AUTOCOMMIT", "CONN_HEALTH_CHECKS", "CONN_MAX_AGE", "DISABLE_SERVER_SIDE_CURSORS"}
)
_WORDS = {"true": True, "false": False, "none": None}
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster")


Word = TypeVar("Word", bound=str)


class Environment:
    """Reads `variables`; `problems` collects a sentence for each value that makes no sense, whose default is used."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The variable as it is; the default where it is unset or empty."""
        return self.variables.get(name, "") or default

    def switch(self, name: str, default: bool = False) -> bool:
        """True for 1, true, yes, on; False for 0, false, no, off and anything else; in upper or lower case."""
        value = self.text(name, "1" if default else "0").lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value not in ("0", "false", "no", "off"):
            self.problems.append(f"{name} must be 0 or 1, not {value!r}.")
        return False

    def integer(self, name: str, default: int, minimum: int, maximum: int = 10**9) -> int:
        """A whole number from `minimum` to `maximum`, both included."""
        return int(self._number(name, default, minimum, maximum, r"-?[0-9]{1,12}", "a whole number"))

    def real(self, name: str, default: float, minimum: float, maximum: float = 10**9) -> float:
        """A decimal number from `minimum` to `maximum`, both included; no exponent, nan or inf."""
        return self._number(name, default, minimum, maximum, r"-?[0-9]{1,12}(\.[0-9]{1,9})?", "a number")

    def items(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """The comma-separated items of a variable, blanks around them dropped."""
        return [item.strip() for item in self.text(name).split(",") if item.strip()] or list(default)

    def networks(self, name: str, default: tuple[str, ...]) -> list[Network]:
        """The comma-separated networks of a variable; an address alone is the network of one."""
        try:
            return [ip_network(item, strict=False) for item in self.items(name, default)]
        except ValueError:
            self.problems.append(
                f"{name} must be networks such as 10.0.0.0/8, separated by commas, not {self.text(name)!r}."
            )
            return [ip_network(item) for item in default]

    def choice(self, name: str, *allowed: Word) -> Word:
        """One of the words `allowed`, the first by default."""
        value = self.text(name, allowed[0])
        for word in allowed:
            if value == word:
                return word
        self.problems.append(f"{name} must be {' or '.join(allowed)}, not {value!r}.")
        return allowed[0]

    def token(self, name: str) -> str:
        """A short name of letters, digits, `.`, `_` and `-`, which stands in headers as it is; empty by default."""
        value = self.text(name)
        if re.fullmatch(r"([A-Za-z][A-Za-z0-9._-]{0,31})?", value):
            return value
        self.problems.append(f"{name} must be a letter and up to 31 letters, digits, '.', '_' or '-', not {value!r}.")
        return ""

    def log_level(self, name: str, default: str) -> str:
        """A level of `logging` in upper case; the variable may be in either case."""
        value = self.text(name, default).upper()
        if value in _LOG_LEVELS:
            return value
        self.problems.append(f"{name} must be one of {', '.join(_LOG_LEVELS)}, not {value!r}.")
        return default

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """A URL of one of the schemes with a host, or for unix and sqlite with a path."""
        value = self.text(name, default)
        if not value:
            return value
        scheme, separator, rest = value.partition("://")
        # The value may carry a password: the sentence names the scheme alone.
        if not separator or scheme not in schemes or not rest:
            shown = scheme if separator else "no scheme"
            self.problems.append(f"{name} must begin with {' or '.join(s + '://' for s in schemes)} (it has {shown}).")
            return default
        if scheme in ("unix", "sqlite"):
            if not urlsplit(value).path:
                self.problems.append(f"{name} must name a file, as in {scheme}:///path.")
                return default
        elif not (
            all(map(_is_node, rest.rpartition("@")[2].split(","))) if scheme == "redis+cluster" else _has_host(rest)
        ):
            self.problems.append(f"{name} must name a host and a port between 1 and 65535.")
            return default
        return value

    def _number(self, name: str, default: float, minimum: float, maximum: float, pattern: str, what: str) -> float:
        value = self.text(name)
        if not value:
            return default
        if re.fullmatch(pattern, value) and minimum <= float(value) <= maximum:
            return float(value)
        self.problems.append(f"{name} must be {what} from {minimum} to {maximum}, not {value!r}.")
        return default


def database_config(url: str) -> dict[str, Any]:
    """An entry of Django's DATABASES from the URL of the database.

    `sqlite:///PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE`, each part percent-encoded where it has
    to be; a folder in place of HOST (`%2Fvar%2Frun%2Fpostgresql`) is that of a Unix socket. An option is Django's own
    (`conn_max_age=60`) or the driver's (`sslmode=require`).
    """
    parts = urlsplit(url)
    login, _, address = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    is_socket = address[:3].upper() == "%2F"
    config: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{'sqlite3' if parts.scheme == 'sqlite' else 'postgresql'}",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(user),
        "PASSWORD": unquote(password),
        # `hostname` is in lower case, which the path of a socket need not be.
        "HOST": unquote(address.partition(":")[0]) if is_socket else parts.hostname or "",
        "PORT": parts.port or "",
        "OPTIONS": {},
    }
    for name, value in parse_qsl(parts.query):
        typed = int(value) if value.isdecimal() else value
        if name.upper() in _DJANGO_OPTIONS:
            config[name.upper()] = _WORDS.get(value.lower(), typed)
        else:
            config["OPTIONS"][name] = typed
    return config


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(f"//{address}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_node(text: str) -> bool:
    # A cluster has no numbered databases, and options after `?` would be ignored silently.
    return _has_host(text) and not any(letter in text for letter in "/?#@ ")
