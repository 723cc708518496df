"""Recognises paths with empty, `.` or `..` segments, which servers and proxies interpret differently."""

import re

# An empty, `.` or `..` segment, or a `%`: the server has decoded the path once and none of our paths has a `%`, so one
# that is left was encoded twice.
_ODD = re.compile(r"//|/\.{1,2}(?:/|\Z)|%")


def is_plain(path: str) -> bool:
    """Whether a path, decoded as in WSGI, has no empty, `.` or `..` segment and no `%`; a final slash is allowed."""
    return _ODD.search(path) is None
