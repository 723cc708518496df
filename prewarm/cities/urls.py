from django.urls import re_path

from prewarm.cities.views import CitiesViewSet

# With a trailing slash it is answered alike.
urlpatterns = [
    re_path(r"^cities/?$", CitiesViewSet.as_view({"get": "retrieve"}), name="cities"),
]
