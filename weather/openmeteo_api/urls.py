"""The route of Open-Meteo's own question, under /v1/ as there."""

from django.urls import re_path

from weather.openmeteo_api.views import ForecastViewSet

# With a trailing slash it is answered alike.
urlpatterns = [re_path(r"^forecast/?$", ForecastViewSet.as_view({"get": "retrieve"}), name="open-meteo-forecast")]
