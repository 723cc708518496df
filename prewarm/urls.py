from django.urls import re_path

from prewarm.place_views import PlacesViewSet
from prewarm.views import CitiesViewSet

# With a trailing slash they are answered alike.
urlpatterns = [
    re_path(r"^cities/?$", CitiesViewSet.as_view({"get": "retrieve"}), name="cities"),
    re_path(r"^places/?$", PlacesViewSet.as_view({"get": "retrieve"}), name="places"),
]
