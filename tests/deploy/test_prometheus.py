"""Scrape config, rules and alerts, by Prometheus' own tool."""

import re

import pytest
import yaml

from prewarm.runs.plan import PERIOD_SECONDS
from tests.support.reading.promql import PROMETHEUS, RULE_FILES, names_in, needs_promtool, promtool, rules
from weather.budget.day_line import COLD_RESERVE, line
from weathernote.telemetry.metrics import CELL_ROUTES

STORIES = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS = {rule["alert"]: rule for rule in rules(RULE_FILES[1])}
RUNBOOK = PROMETHEUS.parents[1] / "docs" / "runbook.md"
#: As forges and MkDocs make them of headings.
ANCHORS = {
    re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
    for heading in re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
}


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_config_and_its_rules():
    checked = promtool("check", "config", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 rule files found" in checked.stdout


@needs_promtool
@pytest.mark.parametrize("story", STORIES, ids=lambda file: file.stem)
def test_rules_do_what_their_stories_say(story):
    tested = promtool("test", "rules", story)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_story_in_which_it_fires_and_one_in_which_it_is_quiet(name):
    expression = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    outcomes = {
        bool(case["exp_samples"])
        for story in STORIES
        for told in yaml.safe_load(story.read_text())["tests"]
        for case in told.get("promql_expr_test", [])
        if case["expr"] == expression
    }
    assert outcomes == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_for_how_long_how_bad_it_is_what_users_see_and_where_to_read_on(name):
    alert = ALERTS[name]
    assert name.startswith("WeatherNote") and alert["for"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert re.search(r"[Uu]ser|phone", alert["annotations"]["summary"])
    assert "$value" in alert["annotations"]["description"] or len(alert["annotations"]["description"]) > 40
    file, anchor = alert["annotations"]["runbook_url"].split("#")
    assert (PROMETHEUS / file).resolve() == RUNBOOK.resolve()
    assert anchor == name.lower() and anchor in ANCHORS


def test_the_runbook_has_no_heading_for_an_alert_that_is_gone():
    assert {anchor for anchor in ANCHORS if anchor.startswith("weathernote")} - {
        name.lower() for name in ALERTS
    } == set()


def test_what_is_recorded_is_read_by_an_alert_a_rule_or_a_dashboard():
    recorded = {rule["record"] for file in RULE_FILES for rule in rules(file) if "record" in rule}
    read = {name for file in RULE_FILES for rule in rules(file) for name in names_in(rule["expr"])}
    boards = "".join(file.read_text() for file in (PROMETHEUS.parent / "grafana" / "dashboards").glob("*.json"))
    assert {name for name in recorded - read if name not in boards} == set()


def test_rules_and_dashboards_are_about_every_route_that_answers_about_a_cell():
    boards = "".join(file.read_text() for file in (PROMETHEUS.parent / "grafana" / "dashboards").glob("*.json"))
    rules_text = RULE_FILES[0].read_text()
    for label in ("route", "record"):
        lists = re.findall(rf'{label}=~\\?"(weather[^"\\]*)', boards + rules_text)
        assert lists and all(set(CELL_ROUTES) <= set(names.split("|")) for names in lists)


def test_a_late_prewarm_is_told_after_the_time_that_cron_s_file_names():
    alert = ALERTS["WeatherNotePrewarmLate"]
    (minutes,) = re.findall(r"> (\d+) \* 60", alert["expr"])
    assert (int(minutes) + int(alert["for"].removesuffix("m"))) * 60 == 2.5 * PERIOD_SECONDS


def test_the_paced_line_is_the_service_s_own():
    (rule,) = (rule for rule in rules(RULE_FILES[0]) if rule["record"] == "weathernote:budget:paced_left_share")
    for hour in range(25):
        t = hour / 24
        written = rule["expr"].replace("time() % 86400 / 86400", str(t)).replace("0.2", str(COLD_RESERVE))
        assert eval(written) == pytest.approx(1 - line(t))  # noqa: S307 # our own arithmetic, written alike in both


def test_no_file_for_operators_names_this_machine():
    for file in [*PROMETHEUS.rglob("*.yml"), *(PROMETHEUS.parent / "grafana").rglob("*.*")]:
        if file.suffix in (".yml", ".json", ".py"):
            assert not re.search(r"/(home|root|work|tmp)/", file.read_text()), file
