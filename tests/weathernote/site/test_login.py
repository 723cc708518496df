"""Passwords and sessions of staff: what Django does for them, held fast against a setting that would undo it."""

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
CHANGE = "/admin/password_change/"
PAGE = "/admin/prewarm/city/"
PASSWORD = " A long, rightful Password "


@pytest.fixture
def ann(settings) -> User:
    # The real one takes half a second for each password, and what it does is Django's own to test.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("ann", password=PASSWORD)


def log_in(api: Client, password: str = PASSWORD) -> bool:
    """Whether the login page took the password."""
    return api.post(LOGIN, {"username": "ann", "password": password}).status_code == 302


def test_a_password_is_taken_exactly_as_it_was_set(api, ann):
    for other in (PASSWORD.strip(), PASSWORD.lower(), PASSWORD[:-1]):
        assert not log_in(api, other)
    assert log_in(api)


@pytest.mark.parametrize("password", ["7 signs", "password1", "iloveyou"])
def test_a_password_that_is_short_or_common_is_refused(password, ann):
    with pytest.raises(ValidationError):
        validate_password(password, ann)


@pytest.mark.parametrize("password", ["onlylowercaseletters", "мой длинный пароль", "x y" * 30])
def test_a_password_may_be_of_any_signs(password, ann):
    validate_password(password, ann)


def test_a_new_password_wants_the_old_one(api, ann):
    assert log_in(api)
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    assert api.post(CHANGE, new | {"old_password": "a wrong one"}).status_code == 200
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert api.post(CHANGE, new | {"old_password": PASSWORD}).status_code == 302
    ann.refresh_from_db()
    assert ann.check_password("another long password")


def test_the_field_hides_what_is_typed_and_lets_a_password_manager_in(api):
    field = api.get(LOGIN).content.decode().partition('name="password"')
    written = field[0].rpartition("<")[2] + field[2].partition(">")[0]
    assert 'type="password"' in written and 'autocomplete="current-password"' in written


def test_logging_in_begins_a_new_session(api, ann):
    api.cookies["sessionid"] = "chosen-by-somebody-else-0123456789"
    assert log_in(api)
    assert re.fullmatch("[a-z0-9]{32}", api.cookies["sessionid"].value)


def test_a_session_ends_with_the_logout_and_takes_a_form_to_end(api, ann):
    assert log_in(api)
    cookie = api.cookies["sessionid"].value
    assert api.get("/admin/logout/").status_code == 405
    assert api.get(PAGE).status_code == 200
    api.post("/admin/logout/")
    api.cookies["sessionid"] = cookie
    assert api.get(PAGE).status_code == 302


def test_a_user_who_is_switched_off_is_out_at_once(api, ann):
    assert log_in(api)
    assert api.get(PAGE).status_code == 200
    User.objects.update(is_active=False)
    assert api.get(PAGE).status_code == 302


def test_the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(api, ann, settings):
    settings.SESSION_COOKIE_SECURE = True
    assert log_in(api)
    cookie = api.cookies["sessionid"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")


def test_a_page_of_staff_is_kept_by_no_cache(api, ann):
    assert log_in(api)
    assert "no-store" in api.get(PAGE)["Cache-Control"]


def test_a_new_database_has_no_account():
    assert not User.objects.exists()
