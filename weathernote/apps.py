"""The project as a Django app: its commands, checks and static files."""

from django.apps import AppConfig


class WeatherNoteConfig(AppConfig):
    """Registers the system checks, and counts the commands that Redis did not answer."""

    name = "weathernote"

    def ready(self) -> None:
        """Imports modules that need all apps to be loaded."""
        from weathernote import checks, redis  # noqa: F401 - checks registers the system checks
        from weathernote.telemetry import metrics

        redis.on_lost.append(metrics.note_lost_commands)
