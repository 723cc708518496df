from django.apps import AppConfig


class RateLimitConfig(AppConfig):
    name = "ratelimit"
