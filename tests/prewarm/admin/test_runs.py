"""The lists of runs and of imports, which staff may read and not change."""

from datetime import timedelta

import pytest
from django.utils import timezone

from prewarm.cities.models import CityImport
from prewarm.runs.models import PrewarmRun
from tests.support.clients.staff import IMPORTS, RUNS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("minutes", "word"), [(1, "running"), (16, "not ended")])
def test_a_run_without_an_end_is_running_until_it_must_have_been_killed(editor, minutes, word):
    begun = timezone.now() - timedelta(minutes=minutes)
    PrewarmRun.objects.create(started=begun)
    CityImport.objects.create(started=begun)
    for page in (RUNS, IMPORTS):
        assert f">{word}</span>" in editor.get(page).content.decode()


@pytest.mark.parametrize(("page", "field"), [(RUNS, "exit_code"), (IMPORTS, "result")])
@pytest.mark.parametrize(
    ("chosen", "minutes"), [("running", [1]), ("not ended", [16]), ("0", [2]), ("odd", [1, 2, 16])]
)
def test_runs_and_imports_are_filtered_by_how_they_ended(editor, page, field, chosen, minutes):
    now = timezone.now()
    model = PrewarmRun if page == RUNS else CityImport
    for ago, code in ((1, None), (2, 0), (16, None)):
        model.objects.create(started=now - timedelta(minutes=ago), **{field: code})
    shown = editor.get(page, {field: chosen}).context["cl"].result_list
    assert [(now - row.started) // timedelta(minutes=1) for row in shown] == minutes


@pytest.mark.parametrize(("page", "title"), [(RUNS, "Prewarm runs"), (IMPORTS, "City imports")])
def test_a_list_in_which_nothing_is_selected_says_what_it_shows(editor, page, title):
    assert editor.get(page).context["title"] == title


def test_runs_are_shown_newest_first_and_cannot_be_changed(editor):
    now = timezone.now()
    PrewarmRun.objects.create(started=now - timedelta(hours=1), took_seconds=4.21, exit_code=0, weight=12.5, calls=3)
    last = PrewarmRun.objects.create(started=now, took_seconds=75, exit_code=1, failed=1, failed_cities=["Oslo, NO"])
    page = editor.get(RUNS)
    assert [run.exit_code for run in page.context["cl"].result_list] == [1, 0]
    text = page.content.decode()
    assert all(shown in text for shown in ("4.2 s", "1 min", "12.5", "some failed"))
    one = editor.get(f"{RUNS}{last.pk}/change/").content.decode()
    assert "Oslo, NO" in one and 'name="_save"' not in one
    assert editor.get(f"{RUNS}add/").status_code == editor.post(f"{RUNS}{last.pk}/delete/").status_code == 403
