"""Formats each log record as one line of JSON, with secrets redacted."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

#: Redacting shorter ones would hide ordinary words.
_SHORTEST_SECRET = 6


class JsonLines(logging.Formatter):
    """Lines with the keys `time`, `level`, `logger`, `message` and, for an exception, `traceback`.

    `figures` in the record's `extra`, a dict of names and numbers, are keys of the line too.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, without a line break; the time is in UTC with milliseconds."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **getattr(record, "figures", {}),
        }
        if record.exc_info:
            line["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def without_secrets(text: str) -> str:
    """The text with every secret of the settings, in any of its spellings, replaced by an ellipsis."""
    for secret in secrets():
        if secret in text:
            text = text.replace(secret, "…")
    return text


def secrets() -> tuple[str, ...]:
    """Every spelling of the settings' secrets (plain, percent-encoded, escaped), the longest first."""
    password = str(settings.DATABASES["default"].get("PASSWORD") or "")
    urls = (settings.REDIS_URL, settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL)
    return _spelled(settings.SECRET_KEY, settings.RATE_LIMIT_HASH_KEY, settings.OPEN_METEO_API_KEY, password, *urls)


@lru_cache(maxsize=8)
def _spelled(secret_key: str, hash_key: str, api_key: str, password: str, *redis_urls: str) -> tuple[str, ...]:
    plain = [secret_key, hash_key, api_key, password, *map(_password, redis_urls)]
    spelled = {spelling for secret in plain for spelling in (secret, quote(secret, safe=""), repr(secret)[1:-1])}
    return tuple(sorted((one for one in spelled if len(one) >= _SHORTEST_SECRET), key=len, reverse=True))


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
