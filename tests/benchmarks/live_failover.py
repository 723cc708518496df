"""placeholder"""

STREAMS = 5000


def section(at, count):
    raise NotImplementedError
