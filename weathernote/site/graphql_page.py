"""`/api/v1/docs/graphql`: a page to try GraphQL with, from this service's own files; it counts against no limit."""

import functools

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.templatetags.static import static

from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.site.page import CONTENT_SECURITY_POLICY

HEADERS = {
    # Short, as the page links to the files of this release.
    "Cache-Control": "public, max-age=60",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


def page(request: HttpRequest) -> HttpResponseBase:
    """The HTML of the page, or a 304 if the client has it."""
    text = _html()
    headers = HEADERS | {"ETag": weak_etag(text)}
    if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(text, headers=headers)


@functools.cache
def _html() -> bytes:
    return render_to_string("docs/graphql.html", {"files": static(settings.PAGE_FOLDER)}).encode()
