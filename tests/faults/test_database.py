"""Fault 59: the database is gone, and requests bring a session cookie and Basic auth."""

from tests.servers import Instance

CREDENTIALS = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345", "Authorization": "Basic c3RhZmY6c2VjcmV0"}


def test_the_api_serves_without_a_database(tmp_path, valkey, valkey_server, simulator):
    with Instance(tmp_path, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, WORKERS=1) as instance:
        (tmp_path / "db.sqlite3").write_bytes(b"this was a database")
        assert instance.get("/admin/", headers=CREDENTIALS).status_code == 500  # the database is really gone
        for path in ("/api/v1/weather?lat=1&lon=1", "/api/v1/forecast?lat=2&lon=2", "/api/v1/schema", "/health"):
            assert instance.get(path, headers=CREDENTIALS).status_code == 200


def test_an_api_request_never_asks_the_database(api):
    # Tests without the `db` mark fail at the first query.
    api.cookies["sessionid"] = "abcdefghijklmnopqrstuvwxyz012345"
    assert api.get("/api/v1/weather?lat=1&lon=1", headers=CREDENTIALS).status_code == 200
