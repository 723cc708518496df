"""Every path that the service answers; all others get a 404 as problem+json."""

from django.contrib import admin
from django.urls import include, path, re_path

from weathernote.dashboard.views import dashboard
from weathernote.http.read_only import read_only
from weathernote.site import docs, edge_counts, graphql_page, health, login, metrics_view, page

urlpatterns = [
    path("", read_only(page.page)),
    re_path(r"^static/page/[0-9a-f]{12}/(?P<name>[a-z]+\.[a-z]+)$", read_only(page.file_of_another_release)),
    path("api/v1/", include("weather.api.urls")),
    path("api/v1/", include("prewarm.cities.urls")),
    path("api/v1/", include("weather.places.urls")),
    path("api/v1/", include("weather.graphql.urls")),
    path("v1/", include("weather.openmeteo_api.urls")),
    # A trailing slash makes no difference.
    re_path(r"^api/v1/schema/?$", read_only(docs.schema), name="schema"),
    re_path(r"^api/v1/docs/?$", read_only(docs.DocsView.as_view(url="/api/v1/schema")), name="docs"),
    re_path(r"^api/v1/docs/graphql/?$", read_only(graphql_page.page), name="graphql-page"),
    path("health", read_only(health.health)),
    path("metrics", metrics_view.metrics_view),
    path("internal/edge-counts", edge_counts.edge_counts),
    path("admin/login/", login.login),
    path("admin/weather/", dashboard, name="weather-dashboard"),
    path("admin/", admin.site.urls),
]

handler400 = "weathernote.http.problems.bad_request"
handler404 = "weathernote.http.problems.not_found"
handler500 = "weathernote.http.problems.server_error"
