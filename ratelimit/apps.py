"""Fair use as a Django app, without tables."""

from django.apps import AppConfig


class RateLimitConfig(AppConfig):
    """Who a client is, and how many requests it may make."""

    name = "ratelimit"
