"""Rejects paths with empty, `.` or `..` segments, which servers and proxies read differently."""

import re

# An empty, `.` or `..` segment. A server hands a path on decoded once and no path of ours has a `%` in it, so one that
# is left is an encoding within an encoding.
_ODD = re.compile(r"//|/\.{1,2}(?:/|\Z)|%")


def is_plain(path: str) -> bool:
    """Whether a path, decoded as WSGI has it, has no empty, `.` or `..` segment and no `%`; one slash may end it."""
    return _ODD.search(path) is None
