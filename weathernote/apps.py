from django.apps import AppConfig


class WeatherNoteConfig(AppConfig):
    name = "weathernote"

    def ready(self) -> None:
        from weathernote import (
            checks,  # noqa: F401 - registers the system checks
            metrics,
            redis,
        )

        redis.on_lost.append(metrics.note_lost_commands)
