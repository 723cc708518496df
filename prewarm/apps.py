"""The app `prewarm`."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


def _listed_cities() -> Any:
    from prewarm.cities.graphql_source import ListedCities

    return ListedCities()


class PrewarmConfig(AppConfig):
    """The app of staff's cities and of the runs that refresh them."""

    name = "prewarm"
    verbose_name = "Prewarming"

    def ready(self) -> None:
        """Connects the signals by which each change of a city invalidates the cached list, and names it to GraphQL."""
        from prewarm.cities.cities_cache import invalidate_after_commit
        from prewarm.cities.models import City
        from weather.graphql import cities

        cities.provide(_listed_cities)
        for signal in (post_save, post_delete):
            signal.connect(invalidate_after_commit, sender=City, dispatch_uid="cities:active")
