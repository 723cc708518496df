"""Redis' reply to INFO."""


def fields(reply: bytes) -> dict[str, str]:
    """The fields of the reply by name, such as `used_memory`; values are text as Redis writes them."""
    return dict(line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)
