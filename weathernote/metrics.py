"""Every counter and gauge of the service, declared once; each is moved where the thing happens."""

from prometheus_client import Counter

RATE_LIMIT_EXCEEDED = Counter(
    "weathernote_rate_limit_exceeded", "Requests refused because their client was over its limit"
)
RATE_LIMIT_BYPASSED = Counter(
    "weathernote_rate_limit_bypassed", "Requests that passed uncounted because Redis did not answer"
)
REDIS_LOST_WRITES = Counter(
    "weathernote_redis_lost_writes", "Records that were not written because Redis did not take them"
)
ANSWERED_FROM_MEMORY = Counter(
    "weathernote_answered_from_memory", "Answers from the process's own memory because Redis did not answer"
)
