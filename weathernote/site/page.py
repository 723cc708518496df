"""`/`: a small weather app on this API. Its HTML needs neither database nor Redis, and counts against no limit."""

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.templatetags.static import static

from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.site import base_url

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "connect-src 'self'",
    ]
)
HEADERS = {
    # Short, as the page links to the files of this release.
    "Cache-Control": "public, max-age=60",
    "Permissions-Policy": "geolocation=(self)",
    "Referrer-Policy": "no-referrer",
}
#: The modules that app.js imports, preloaded so that none waits until its importer has been parsed.
MODULES = [
    *("air.js", "airquality.js", "airview.js", "api.js", "chart.js", "codes.js", "dom.js", "format.js"),
    *("live.js", "rounding.js", "search.js", "view.js"),
]
#: Names of usual length: placeholders that keep the layout until the cities have loaded.
PLACES = ["Shanghai", "Istanbul", "Tokyo", "São Paulo", "Lagos", "Moscow", "London", "Sydney"]
#: The current conditions shown besides the temperature, each with the name of its icon.
FACTS = [
    ("Wind", "wind"),
    ("Rain, snow", "rainy"),
    ("Humidity", "humid"),
    ("Pressure", "press"),
    ("Sunrise", "rise"),
    ("Sunset", "set"),
]
#: The pollutants whose concentrations are shown, in the order in which airview.js fills them in.
POLLUTANTS = ["Fine particles, PM2.5", "Particles, PM10", "Nitrogen dioxide", "Ozone"]


def page(request: HttpRequest) -> HttpResponseBase:
    """The HTML of the page, or a 304 if the client has it."""
    base, streams = base_url.base(request), base_url.streams(request)
    live = "" if streams == base else streams  # of another origin: on another port
    text = _html(base, live).encode()
    policy = f"{CONTENT_SECURITY_POLICY} {live or ''}".rstrip()
    headers = HEADERS | {"ETag": weak_etag(text), "Content-Security-Policy": policy}
    if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(text, headers=headers)


def file_of_another_release(request: HttpRequest, name: str) -> HttpResponseBase:
    """Redirects to the same file of this release, as a page of another release may request it during a rollout."""
    present = f"{settings.PAGE_FOLDER}/{name}"
    if request.path == static(present) or not finders.find(present):
        raise Http404
    return HttpResponseRedirect(static(present), headers={"Cache-Control": "no-store"})


def _html(base: str, live: str | None) -> str:
    return render_to_string(
        "page/index.html",
        {
            "files": static(settings.PAGE_FOLDER),
            "base": base,
            "live": live,
            "simulated": settings.SOURCE == "simulator",
            "modules": MODULES,
            "places": PLACES,
            "facts": FACTS,
            "pollutants": POLLUTANTS,
            "days": range(7),
        },
    )
