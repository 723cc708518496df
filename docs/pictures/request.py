"""The flow of a request for a cell: three ways to an answer, from the cheapest to the dearest."""

from docs.pictures import svg


def draw() -> str:
    """The picture as SVG."""
    shapes = [
        svg.box(20, 24, 170, 52, ("phone", "lat, lon, x-client-id")),
        svg.arrow((190, 50), (236, 50)),
        svg.box(240, 24, 210, 52, ("edge", "TLS, 1,000 requests/s an address")),
        svg.arrow((450, 50), (496, 50)),
        svg.box(500, 24, 260, 52, ("instance: one round trip to Redis", "count the client, look for the answer")),
        svg.arrow((630, 76), (630, 116)),
        svg.box(500, 120, 260, 56, ("finished answer in Redis?", "weather:lat:40.7:lon:-74.0")),
        svg.arrow((500, 148), (256, 148)),
        svg.text(378, 141, "yes: found", "small"),
        svg.box(40, 120, 212, 56, ("its bytes", "nothing is computed"), "main"),
        svg.arrow((630, 176), (630, 216)),
        svg.text(642, 200, "no", "small", "start"),
        svg.box(500, 220, 260, 56, ("held record in Redis?", "upstream:lat:40.7:lon:-74.0")),
        svg.arrow((500, 248), (256, 248)),
        svg.text(378, 241, "yes: derived, or stale if due", "small"),
        svg.box(40, 220, 212, 56, ("worked out for this minute", "a due record is refreshed behind it"), "main"),
        svg.arrow((630, 276), (630, 316)),
        svg.text(642, 300, "no: cold", "small", "start"),
        svg.box(500, 320, 260, 56, ("admission", "allowance of the client · room to wait")),
        svg.arrow((500, 348), (256, 348)),
        svg.text(378, 341, "waits up to 6 s: fetched", "small"),
        svg.box(40, 320, 212, 56, ("one call for the whole fleet", "lease · budget · HTTP · validate"), "main"),
        svg.arrow((146, 376), (146, 412)),
        svg.box(40, 416, 212, 48, ("Open-Meteo", "weight 1.0 buys two weeks")),
        svg.arrow((630, 376), (630, 412)),
        svg.box(500, 416, 260, 48, ("problem: 429 or 503", "with Retry-After in seconds")),
    ]
    return svg.picture(780, 484, "How a request is answered: found, derived or fetched", shapes)
