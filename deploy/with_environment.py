r"""Runs a command with the variables of a file, for cron, systemd and make: `with_environment.py FILE COMMAND…`.

The file has lines NAME=value, with the same meaning as in systemd's EnvironmentFile. They override variables of the
same name in the environment:

    # a comment, or ; one
    PLAIN=a&b $c #d "e"        literal, without blanks at either end; a backslash makes the next letter literal
    SINGLE='two  words'        literal
    DOUBLE="it's \"so\""       literal, but a backslash before " \ ` $ is removed

What systemd would ignore with a line in its log is an error here: a line that is none of these, an open quote, a value
that goes on in the next line. Standard library only.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BLANKS = " \t\r"


class Unreadable(ValueError):
    """A line cannot be read; the message names the line and the reason, and shows no value."""


def main(file: str, command: list[str]) -> None:
    """Becomes the command; exits with one line if the file cannot be read or the command cannot be run."""
    try:
        os.environ.update(variables(Path(file).read_text(encoding="utf-8")))
    except Unreadable as error:
        sys.exit(f"{file}, {error}")
    except UnicodeDecodeError:
        sys.exit(f"{file} is not in UTF-8.")
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}.")
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell: the operator's own words
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}.")


def variables(text: str) -> dict[str, str]:
    """Name → value of the lines of a file, the last one if a name is repeated; raises Unreadable."""
    return dict(_read(text))


def _read(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(_BLANKS)
        if not stripped or stripped[0] in "#;":
            continue
        name, separator, value = (part.strip(_BLANKS) for part in stripped.partition("="))
        if not separator or not _NAME.fullmatch(name):
            raise Unreadable(f"line {number}: it must be NAME=value, a comment or empty.")
        try:
            yield name, _value(value)
        except Unreadable as error:
            raise Unreadable(f"line {number}: {name} {error}") from None


def _value(text: str) -> str:
    if "\0" in text:
        raise Unreadable("has a NUL in it.")
    if text[:1] == "'":
        return _quoted(_SINGLE, text)
    if text[:1] == '"':
        return re.sub(r'\\(["\\`$])', r"\1", _quoted(_DOUBLE, text))
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise Unreadable("ends with a \\: put the value in single quotes, or on one line.")
    return re.sub(r"\\(.)", r"\1", text)


def _quoted(pattern: re.Pattern[str], text: str) -> str:
    if not (found := pattern.fullmatch(text)):
        raise Unreadable(
            'must end with the quote that it begins with, and hold no such quote but \\" in double quotes.'
        )
    return found[1]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("Name the file and the command: with_environment.py FILE COMMAND…")
    main(sys.argv[1], sys.argv[2:])
