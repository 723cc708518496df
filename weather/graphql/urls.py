"""The route of GraphQL, under /api/v1/."""

from django.urls import re_path

from weather.graphql.views import GraphQLViewSet

# With a trailing slash it is answered alike.
urlpatterns = [
    re_path(r"^graphql/?$", GraphQLViewSet.as_view({"get": "answer", "post": "answer"}), name="graphql"),
]
