"""Faults 54 and 55: passwords guessed in parallel, forms without a token and from elsewhere; work that takes long."""

import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.servers import TOP, Instance, eventually

LOGIN = "/admin/login/"
PASSWORD = "a long and rightful password"


class Staffed(Instance):
    """An instance whose database the test looks into."""

    def __init__(self, folder: Path, **variables: object) -> None:
        self.database = f"sqlite:///{folder / 'db.sqlite3'}"
        super().__init__(folder, **variables)


@pytest.fixture(scope="module")
def staffed(tmp_path_factory, valkey_server, simulator_server):
    """An instance of two workers behind one trusted proxy, with a member of staff."""
    folder = tmp_path_factory.mktemp("staffed")
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Staffed(folder, WORKERS=2, TRUSTED_PROXY_COUNT=1, **servers) as started:
        run(
            started,
            "from django.contrib.auth.models import User;"
            f"[User.objects.create_superuser(name, password={PASSWORD!r}) for name in ('ann', 'bob')]",
        )
        yield started


def run(instance, program: str) -> str:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", program]
    env = {"DATABASE_URL": instance.database, "LOG_LEVEL": "ERROR"}
    return subprocess.run(command, cwd=TOP, env=env, capture_output=True, text=True, check=True).stdout


def forms(instance, address: str) -> requests.Session:
    """A browser that has seen the login page, from an address that the proxy vouches for."""
    browser = requests.Session()
    browser.headers["X-Forwarded-For"] = address
    browser.get(instance.base + LOGIN, timeout=20)
    return browser


def log_in(browser: requests.Session, instance, name: str, password: str, **headers: str) -> requests.Response:
    form = {"username": name, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post(instance.base + LOGIN, form, headers=headers, timeout=90, allow_redirects=False)


def test_a_hundred_guesses_at_once_lock_the_name_out_and_nobody_else(staffed):
    browsers = [forms(staffed, "203.0.113.7") for _ in range(10)]
    with ThreadPoolExecutor(100) as guessers:
        guesses = list(
            guessers.map(lambda at: log_in(browsers[at % 10], staffed, "ann", f"guess {at}").status_code, range(100))
        )
    assert set(guesses) <= {200, 429, 503}  # checked and wrong, locked out, or too many at once
    # Ten are counted, and in each of the two workers one more may have been on its way.
    checked = run(staffed, "from axes.models import AccessAttempt as A; print(A.objects.get().failures_since_start)")
    assert 10 <= int(checked) <= 12
    locked = log_in(forms(staffed, "203.0.113.7"), staffed, "ann", PASSWORD)
    assert locked.status_code == 429 and "Too many wrong passwords" in locked.text
    # The rightful ones at their own address, and others at that one, are let in.
    assert log_in(forms(staffed, "198.51.100.1"), staffed, "ann", PASSWORD).status_code == 302
    assert log_in(forms(staffed, "203.0.113.7"), staffed, "bob", PASSWORD).status_code == 302


def test_an_address_that_the_proxy_does_not_vouch_for_lifts_no_lock(staffed):
    for at in range(10):
        log_in(forms(staffed, "192.0.2.1"), staffed, "carl", f"guess {at}")
    browser = forms(staffed, "192.0.2.1")
    assert log_in(browser, staffed, "carl", "guess", **{"X-Forwarded-For": "10.9.8.7, 192.0.2.1"}).status_code == 429


def test_a_lock_ends_after_an_hour(staffed):
    for at in range(11):
        log_in(forms(staffed, "192.0.2.9"), staffed, "ann", f"guess {at}")
    assert log_in(forms(staffed, "192.0.2.9"), staffed, "ann", PASSWORD).status_code == 429
    earlier = "from datetime import timedelta; from axes.models import AccessAttempt; from django.db.models import F;"
    run(staffed, f"{earlier} AccessAttempt.objects.update(attempt_time=F('attempt_time') - timedelta(hours=1))")
    assert log_in(forms(staffed, "192.0.2.9"), staffed, "ann", PASSWORD).status_code == 302


def test_neither_names_nor_passwords_nor_addresses_stand_in_the_log(staffed):
    log_in(forms(staffed, "192.0.2.77"), staffed, "a-name-by-mistake", "a-password-by-mistake")
    said = eventually(staffed.said)
    assert not re.search("by-mistake|192.0.2.77", said)


@pytest.mark.parametrize("name", ["", "x" * 151, "x" * 5000, "nul\x00", "é" * 150, "' OR 1=1 --"])
def test_odd_names_are_refused_and_break_nothing(staffed, name):
    assert log_in(forms(staffed, "192.0.2.3"), staffed, name, "guess").status_code == 200


def test_a_form_without_its_token_is_refused(staffed):
    browser = forms(staffed, "192.0.2.4")
    form = {"username": "ann", "password": PASSWORD}
    assert browser.post(staffed.base + LOGIN, form, timeout=20).status_code == 403
    assert requests.post(staffed.base + LOGIN, form, timeout=20).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example"]
)
def test_a_form_from_elsewhere_is_refused(staffed, origin):
    refused = log_in(forms(staffed, "192.0.2.5"), staffed, "ann", PASSWORD, Origin=origin)
    assert refused.status_code == 403


def test_a_form_from_elsewhere_changes_nothing_for_who_is_logged_in(staffed):
    browser = forms(staffed, "192.0.2.6")
    assert log_in(browser, staffed, "ann", PASSWORD).status_code == 302
    token = browser.cookies["csrftoken"]
    form = {"action": "deactivate", "_selected_action": "1", "csrfmiddlewaretoken": token}
    cities = f"{staffed.base}/admin/prewarm/city/"
    assert browser.post(cities, form, headers={"Origin": "https://evil.example"}, timeout=20).status_code == 403
    assert browser.post(cities, {**form, "csrfmiddlewaretoken": "x" * 64}, timeout=20).status_code == 403
    assert (
        run(staffed, "from prewarm.models import City; print(City.objects.filter(active=False).count())").strip() == "0"
    )
    assert browser.post(cities, form, headers={"Origin": staffed.base}, timeout=20).status_code == 200


def test_the_page_that_came_over_tls_from_the_edge_is_ours(staffed):
    # The edge speaks TLS and hands the host on; the browser's origin is then https.
    browser = forms(staffed, "192.0.2.8")
    cookie = f"csrftoken={browser.cookies['csrftoken']}"
    headers = {"Origin": "https://localhost", "Host": "localhost", "Cookie": cookie}
    assert log_in(browser, staffed, "ann", PASSWORD, **headers).status_code == 302


# ── what takes long ───────────────────────────────────────────────────────────────────────────────

OSLO = "name,country,latitude,longitude,timezone\nOslo,NO,59.9139,10.7522,Europe/Oslo\n"


def test_an_import_that_takes_longer_than_a_balancer_waits_is_finished_behind_the_request(staffed):
    browser = forms(staffed, "192.0.2.20")
    assert log_in(browser, staffed, "ann", PASSWORD).status_code == 302
    cities, token = f"{staffed.base}/admin/prewarm/city/", {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    form = token | {"resource": "0", "format": "0"}
    preview = browser.post(f"{cities}import/", form, files={"import_file": ("oslo.csv", OSLO)}, timeout=20).text
    asked = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview)) | token
    with sqlite3.connect(staffed.database.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # a writer that takes its time
        told = browser.post(f"{cities}process_import/", asked, timeout=15)
        other.execute("ROLLBACK")
    assert "goes on without you" in told.text
    imports = "from prewarm.models import City, CityImport as I; print(*I.objects.values_list('result', 'new'))"
    eventually(lambda: run(staffed, imports).strip() == "(0, 1)", within_seconds=30)
