"""The URLs of the cities, below `/api/v1/`."""

from django.urls import re_path

from prewarm.cities.views import CitiesViewSet

# Answered alike with and without a trailing slash.
urlpatterns = [
    re_path(r"^cities/?$", CitiesViewSet.as_view({"get": "retrieve"}), name="cities"),
]
