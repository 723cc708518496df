"""Paths with an empty, `.` or `..` segment, raw or encoded, as they stand in a request's first line."""

ODD = [
    # in `..`
    *("/admin/../x", "/admin/..", "/admin/../", "/../x", "/..", "/../", "/x/../admin/", "/x/../../admin/"),
    *("/%2e%2e/x", "/admin/%2e%2e/x", "/admin/%2E%2E/x", "/admin/%2E./x", "/admin/.%2e/x", "/admin/%2e."),
    *(
        "/admin/..%2fx",
        "/admin/..%2Fx",
        "/admin%2f..%2fx",
        "/admin%2f%2e%2e%2fx",
        "/x%2f..%2fadmin/",
        "/%2e%2e%2fadmin/",
    ),
    *("/api/v1/../../admin/", "/api/v1/..%2f..%2fmetrics", "/static/../admin/", "/api/v1/x/../weather?lat=1&lon=1"),
    # in `.`
    *(
        "/./",
        "/.",
        "/./admin/",
        "/admin/.",
        "/admin/./login/",
        "/%2e/",
        "/%2e",
        "/admin/%2E/login/",
        "/admin%2f./login/",
    ),
    *("/api/v1/./weather?lat=1&lon=1", "/api/v1/%2e/forecast?lat=1&lon=1", "/./health"),
    # in nothing
    *("//", "//admin/", "/admin//", "/admin//login/", "///", "/%2f", "/%2Fadmin/", "/admin/%2f", "/admin%2f%2flogin/"),
    *("/api/v1//weather?lat=1&lon=1", "/api/v1/weather//?lat=1&lon=1", "/api//v1/cities", "//health", "/health//"),
    # encoded twice
    *("/admin/%252e%252e/x", "/admin/%252e./x", "/admin%252f..%252fx", "/%25%32%65/", "/%2561dmin/", "/%25252e/"),
]

#: What looks like one and is none.
PLAIN = ["/api/v1/weather/?lat=1&lon=1", "/api/v1/weather?lat=1&lon=1&x=/../", "/health?//", "/health?%252e"]
