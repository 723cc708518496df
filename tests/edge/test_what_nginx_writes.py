"""Whatever goes wrong, nothing that nginx writes says who was where."""

from tests.edge.edge_server import OUTSIDE
from tests.edge.wire import got, said_to
from tests.support.servers import eventually

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"


def test_no_position_client_or_address_is_in_anything_that_nginx_writes(fleet, place):
    client, address = "secret-client-id", "127.0.0.99"
    for path in (
        "weather?lat=40.71284&lon=-74.00605",
        "forecast?lat=40.71284&lon=-74.00605&days=3",
        "weather/40.71284",
        "cities?q=40.71284",
        "places?lat=40.71284&lon=-74.00605",
        "graphql?query={weather(lat:40.71284,lon:-74.00605){stale}}",
        "weather%3Flat=40.71284",
        "weather?lat=40.71284&lon=999",
        "weather/?lat=40.71284&lon=-74.00605&lon=1",
    ):
        fleet.get(f"/api/v1/{path}", client=client, address=address)
    for _ in range(70):
        fleet.get(HIT + "&place=40.71284", client=client, address=address)
    said_to(fleet.edge, got("/api/v1/weather?lat=40.71284", "X-Client-ID: " + client * 9000), address=address)
    said_to(fleet.edge, b"GET /?lat=40.71284 nonsense\r\n\r\n", address=address)
    for number in fleet.instances:
        fleet.kill(number)
    assert fleet.get("/api/v1/weather?lat=-20.71284&lon=9.00605", address=address).status_code == 503
    wanted = ('"status":503', '"status":429')
    written = eventually(lambda: all(word in (text := fleet.edge.written()) for word in wanted) and text)
    for secret in ("0.71284", "4.00605", "9.00605", "secret-client", address, OUTSIDE):
        assert secret not in written
