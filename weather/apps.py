"""Weather as a Django app; its label names the table of places."""

from django.apps import AppConfig


class WeatherConfig(AppConfig):
    """Weather, forecast and places."""

    name = "weather"
