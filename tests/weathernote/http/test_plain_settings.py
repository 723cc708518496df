"""Settings as plain attributes follow Django's."""

import pytest
from django.test import override_settings

from weathernote.http.plain_settings import settings

pytestmark = pytest.mark.pure


def test_a_setting_is_read_anew_once_a_test_has_overridden_it():
    before = settings.RATE_LIMIT_REQUESTS
    with override_settings(RATE_LIMIT_REQUESTS=before + 7):
        assert before + 7 == settings.RATE_LIMIT_REQUESTS
    assert before == settings.RATE_LIMIT_REQUESTS


def test_there_is_no_setting_that_django_does_not_know():
    with pytest.raises(AttributeError):
        _ = settings.NO_SUCH_SETTING
