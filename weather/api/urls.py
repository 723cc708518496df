"""The routes of /weather and /forecast, under /api/v1/."""

from django.urls import re_path

from weather.api.views import ForecastViewSet, WeatherViewSet

# With a trailing slash they are answered alike.
urlpatterns = [
    re_path(r"^weather/?$", WeatherViewSet.as_view({"get": "retrieve"}), name="weather"),
    re_path(r"^forecast/?$", ForecastViewSet.as_view({"get": "retrieve"}), name="forecast"),
]
