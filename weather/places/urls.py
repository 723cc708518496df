"""The routes of /places, under /api/v1/."""

from django.urls import re_path

from weather.places.views import PlacesViewSet

# With a trailing slash it is answered alike.
urlpatterns = [
    re_path(r"^places/?$", PlacesViewSet.as_view({"get": "retrieve"}), name="places"),
]
