from django.apps import AppConfig


class WeatherNoteConfig(AppConfig):
    name = "weathernote"

    def ready(self) -> None:
        from weathernote import checks, redis  # noqa: F401 - checks registers the system checks
        from weathernote.telemetry import metrics

        redis.on_lost.append(metrics.note_lost_commands)
