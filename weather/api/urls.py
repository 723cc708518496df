"""The routes of answers about cells, under /api/v1/."""

from django.urls import re_path

from weather.api.views import AirQualityViewSet, ForecastViewSet, WeatherViewSet

# With a trailing slash they are answered alike.
urlpatterns = [
    re_path(r"^weather/?$", WeatherViewSet.as_view({"get": "retrieve"}), name="weather"),
    re_path(r"^forecast/?$", ForecastViewSet.as_view({"get": "retrieve"}), name="forecast"),
    re_path(r"^air-quality/?$", AirQualityViewSet.as_view({"get": "retrieve"}), name="air-quality"),
]
