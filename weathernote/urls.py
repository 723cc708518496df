from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from weathernote import docs, edge_counts, health, login, scrape
from weathernote.read_only import read_only

urlpatterns = [
    path("", read_only(RedirectView.as_view(url="/api/v1/docs"))),
    path("api/v1/", include("weather.urls")),
    path("api/v1/", include("prewarm.urls")),
    # With a trailing slash they are answered alike.
    re_path(r"^api/v1/schema/?$", read_only(docs.schema), name="schema"),
    re_path(r"^api/v1/docs/?$", read_only(docs.DocsView.as_view(url="/api/v1/schema")), name="docs"),
    path("health", read_only(health.health)),
    path("metrics", scrape.metrics_view),
    path("internal/edge-counts", edge_counts.edge_counts),
    path("admin/login/", login.login),
    path("admin/", admin.site.urls),
]

handler400 = "weathernote.problems.bad_request"
handler404 = "weathernote.problems.not_found"
handler500 = "weathernote.problems.server_error"
