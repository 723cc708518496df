"""Which paths are looked at: those that name one place, however they are read."""

import re

# An empty, `.` or `..` segment. A server hands a path on decoded once and no path of ours has a `%` in it, so one that
# is left is an encoding within an encoding.
_ODD = re.compile(r"//|/\.{1,2}(?:/|\Z)|%")


def is_plain(path: str) -> bool:
    """Whether a path, decoded as WSGI has it, has none of these segments; one slash at its end is none."""
    return _ODD.search(path) is None
