"""The dashboards: made from their script, in PromQL that parses, of metrics that a running instance really has."""

import json
import re
import runpy
import time
from collections import defaultdict

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.reading.promql import RULE_FILES, matchers_in, names_in, needs_promtool, promtool, rules
from tests.support.servers import TOP, eventually
from weather.core.runs.run_times import Run, RunTimes

GRAFANA = TOP / "deploy" / "grafana"
BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
EXPRESSIONS = {target["expr"] for _, panel in PANELS for target in panel["targets"]}
RULES = [rule for file in RULE_FILES for rule in rules(file)]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
#: Prometheus' own, and those of its blackbox exporter.
OF_OTHERS = {"up", "ALERTS", "probe_success", "probe_ssl_earliest_cert_expiry"}
#: Of an instance whose records are written in another region: tests/regions/ has some.
OF_REGIONS = {"weathernote_records_replica_lag_seconds", "weathernote_records_replica_connected"}
OF_REGIONS |= {"weathernote_redis_role_breaker_open"}
#: Moved by the refresh of a forecast that is ten minutes old: too long to wait for here.
SEEN_LATER = {"weathernote_forecast_drift_sum", "weathernote_forecast_drift_count"}


def test_the_dashboards_are_those_that_the_script_writes():
    script = runpy.run_path(str(GRAFANA / "dashboards.py"))
    assert set(BOARDS) == set(script["DASHBOARDS"]) == {"service", "freshness", "redis", "business"}
    for name, told in script["DASHBOARDS"].items():
        assert (GRAFANA / "dashboards" / f"{name}.json").read_text() == script["text"](told)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_linked_to_and_moved_to_another_prometheus(name):
    board = BOARDS[name]
    assert board["uid"] == f"weathernote-{name}" and board["title"].startswith("WeatherNote: ")
    assert [variable["type"] for variable in board["templating"]["list"]] == ["datasource"]
    parts = [part for panel in board["panels"] for part in (panel, *panel["targets"])]
    assert {part["datasource"]["uid"] for part in parts} == {"${datasource}"}


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[f"{name}-{panel['id']}" for name, panel in PANELS])
def test_a_panel_has_a_title_a_unit_thresholds_and_its_own_place(name, panel):
    assert 4 < len(panel["title"]) <= 60
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] and defaults["thresholds"]["steps"][0]["value"] is None
    taken = [_squares(other) for _, other in PANELS if other is not panel and other in BOARDS[name]["panels"]]
    assert not _squares(panel) & set().union(*taken)
    assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def _squares(panel):
    at = panel["gridPos"]
    return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}


def test_the_first_panel_says_whether_users_are_served():
    first = min(BOARDS["service"]["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
    assert first["title"] == "Users served" and first["type"] == "stat"


def test_grafana_is_given_a_datasource_and_the_folder():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/weathernote.yml").read_text())["providers"]
    assert source["type"] == "prometheus" and provider["type"] == "file" and provider["options"]["path"]


@needs_promtool
def test_every_expression_parses(tmp_path):
    written = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__\w+", "5m", expression)}
        for number, expression in enumerate(sorted(EXPRESSIONS))
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}))
    checked = promtool("check", "rules", tmp_path / "panels.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(written)} rules found" in checked.stdout


@pytest.fixture(scope="module")
def scraped(instance, valkey_server):
    """Names of a running instance's metrics, each with the labels and values that it was seen with."""
    for path in ("weather?lat=48.9&lon=2.4", "weather?lat=48.9&lon=2.4", "forecast?lat=48.9&lon=2.4", "weather?lat=x"):
        instance.get(f"/api/v1/{path}")
    # What a prewarm without a failure would leave.
    now = int(time.time())
    valkey_server.client.set("prewarm:last-good", now)
    # What is learnt of a model's runs, which the simulator does not tell here.
    runs = RunTimes(21_600, (Run(now - 9 * 3600, now - 3600),), now)
    valkey_server.client.hset("runs:models", mapping={"ecmwf_ifs": runs.text, "used:ecmwf_ifs": now})

    def everything():
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for family in text_string_to_metric_families(instance.get("/metrics").text):
            for sample in family.samples:
                found[sample.name]["__name__"].add(sample.name)
                for label, value in sample.labels.items():
                    found[sample.name][label].add(value)
        return found if "weathernote_popular_locations" in found and "weathernote_active_users" in found else None

    # The cells and the users reach Redis every few seconds.
    return eventually(everything, within_seconds=30, every_seconds=0.5)


def test_every_metric_is_one_that_an_instance_has_or_that_a_rule_records(scraped):
    named = {name for expression in _all_expressions() for name in names_in(expression)}
    assert named - set(scraped) - RECORDED - OF_OTHERS - OF_REGIONS - SEEN_LATER == set()


def test_every_label_that_is_asked_for_is_one_that_the_metric_has(scraped):
    wrong = {
        (name, label)
        for expression in _all_expressions()
        for name, label, _, _ in matchers_in(expression)
        if name in scraped and label not in scraped[name]
    }
    assert wrong == set()


def _all_expressions():
    return EXPRESSIONS | {rule["expr"] for rule in RULES}


def test_names_are_found_in_an_expression():
    assert names_in('sum by (le) (rate(a_total{b="c"}[5m] offset 1d)) / on () d:e or vector(0) > 2') == {
        "a_total",
        "d:e",
    }
