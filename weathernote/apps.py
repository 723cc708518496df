from django.apps import AppConfig


class WeatherNoteConfig(AppConfig):
    """Registers the system checks, and has commands that Redis did not answer counted."""

    name = "weathernote"

    def ready(self) -> None:
        from weathernote import checks, redis  # noqa: F401 - checks registers the system checks
        from weathernote.telemetry import metrics

        redis.on_lost.append(metrics.note_lost_commands)
