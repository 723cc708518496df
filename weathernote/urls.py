from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from weathernote import docs, health

urlpatterns = [
    path("", RedirectView.as_view(url="/api/v1/docs")),
    path("api/v1/", include("weather.urls")),
    path("api/v1/schema", docs.schema, name="schema"),
    path("api/v1/docs", docs.DocsView.as_view(url_name="schema"), name="docs"),
    path("health", health.health),
    path("admin/", admin.site.urls),
]

handler400 = "weathernote.problems.bad_request"
handler404 = "weathernote.problems.not_found"
handler500 = "weathernote.problems.server_error"
