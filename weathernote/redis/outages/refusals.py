"""What an error says: about one command, about the whole server, or about writes to it."""

from redis import exceptions

from weathernote.redis.outages.lost import RedisDown
from weathernote.redis.outages.tls import TlsFailed


def is_unusable(error: Exception) -> bool:
    """Whether the error is about the server, and not about one command or a slot that no node serves."""
    if isinstance(error, exceptions.ClusterDownError):
        return isinstance(error, exceptions.MasterDownError) or "slot" not in str(error).lower()
    return isinstance(error, exceptions.ConnectionError) or str(error).startswith(("BUSY ", "DENIED "))


def refuses_writes(error: Exception) -> bool:
    """Whether the error is a replica's that is sent a write, or a primary's that lacks replicas which take part."""
    return isinstance(error, exceptions.ReadOnlyError) or str(error).startswith("NOREPLICAS ")


def reason_of(error: Exception) -> str:
    """Why a server gave no usable reply, as `on_lost` names it."""
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return "timeout"
    if isinstance(error, exceptions.AuthenticationError | exceptions.BusyLoadingError | exceptions.ResponseError):
        return "unusable"
    if isinstance(error, exceptions.ConnectionError | OSError):
        return "disconnected"
    return "invalid_reply"


def down(name: str, error: Exception, words: str) -> RedisDown:
    """What stands for the replies of a server, by its name: with `words` where the error has no remedy of its own."""
    if isinstance(error, exceptions.AuthenticationError):
        said = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        return RedisDown(f"{name}: it refuses the user or the password: {said}", "mend both in {url}")
    cause = error.__context__  # redis-py's errors do not name it as their cause
    if isinstance(cause, TlsFailed):
        return RedisDown(f"{name}: {cause}", cause.remedy)
    return RedisDown(f"{name}: {words}")
