"""The configuration that is rendered for production."""

import json
import re
import stat
import subprocess
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from tests.edge.edge_server import edge_before
from tests.support.servers import TOP, free_port
from weather.core.datasets import DATASETS
from weather.live import upkeep
from weathernote.runtime import edge_configuration, live, nginx
from weathernote.telemetry.metrics import ROUTES

pytestmark = pytest.mark.pure


@pytest.fixture
def edge(tmp_path):
    return edge_before(["10.0.0.11:8000", "10.0.0.12:8000"], tmp_path / "edge")


def checked(file) -> subprocess.CompletedProcess[str]:
    command = [nginx.find().binary, "-t", "-p", str(file.parent), "-c", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def files(folder) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def test_nginx_takes_what_is_rendered_without_a_word_of_warning(edge):
    said = checked(edge_configuration.render(edge))
    print(said.stderr)
    assert said.returncode == 0
    assert "test is successful" in said.stderr and "[warn]" not in said.stderr


def test_nginx_takes_what_the_command_writes(edge, tmp_path):
    folder = tmp_path / "etc"
    words = ["--instances", "10.0.0.11:8000,10.0.0.12:8000", "--certificate", str(edge.certificate)]
    words += ["--certificate-key", str(edge.certificate_key)]
    call_command("edge", "--render", str(folder), *words)
    servers = folder / "servers.conf"
    text = servers.read_text()
    assert re.findall(r"listen (\S+) ssl;", text) == ["443", "[::]:443"]
    for port in ("443", "80"):  # only root may listen there
        text = re.sub(rf"(listen (?:\[::\]:)?){port}\b", rf"\g<1>{free_port()}", text)
    servers.write_text(text)
    said = checked(folder / "nginx.conf")
    assert said.returncode == 0, said.stderr


def test_to_render_again_changes_nothing(edge):
    edge_configuration.render(edge)
    before = files(edge.folder)
    edge_configuration.render(edge)
    assert files(edge.folder) == before


def test_the_key_of_the_hash_is_for_its_owner_alone(edge, settings):
    settings.RATE_LIMIT_HASH_KEY = "secret"
    (edge.folder / "limits.json").write_text("{}")
    (edge.folder / "limits.json").chmod(0o644)
    edge_configuration.render(edge)
    assert stat.S_IMODE((edge.folder / "limits.json").stat().st_mode) == 0o600
    told = json.loads((edge.folder / "limits.json").read_text())
    assert told["hash_key"] and "secret" not in str(told)
    assert not any(told["hash_key"] in text for name, text in files(edge.folder).items() if name != "limits.json")


def test_the_service_s_own_numbers_are_filled_in(edge, settings):
    settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW_SECONDS, settings.API_CORS = 7, 11, True
    edge_configuration.render(edge)
    text = files(edge.folder)
    assert "'\"client\";q=7;w=11'" in text["nginx.conf"]
    assert 'Access-Control-Allow-Origin "*"' in text["error_headers.conf"]
    assert "rate=1000r/s" in text["nginx.conf"]
    assert json.loads(text["limits.json"])["requests"] == 7


def test_a_stream_may_be_silent_for_longer_than_two_heartbeats(edge):
    edge_configuration.render(edge)
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", files(edge.folder)["streams.conf"])
    assert int(seconds) > 2 * max(live.PING_SECONDS, upkeep.PING_SECONDS + upkeep.STEP_SECONDS)


def test_a_worker_has_files_for_all_its_connections(edge):
    edge_configuration.render(edge)
    text = files(edge.folder)["nginx.conf"]
    patterns = (r"worker_rlimit_nofile (\d+);", r"worker_connections (\d+);", r"open_file_cache max=(\d+) ")
    most, connections, stay_open = (int(re.findall(pattern, text)[0]) for pattern in patterns)
    # Of a request's two connections one may need a file of the cache.
    assert connections + connections / 2 + stay_open < most


def test_the_command_is_told_the_live_processes_and_knows_some_by_itself(tmp_path):
    words = ["--certificate", "c.pem", "--certificate-key", "c.key"]
    for folder, told, expected in (
        ("a", [], ["127.0.0.1:8011", "127.0.0.1:8012"]),
        (
            "b",
            ["--live", "10.0.0.11:8011,10.0.0.12:8011,[::1]:8011"],
            ["10.0.0.11:8011", "10.0.0.12:8011", "[::1]:8011"],
        ),
    ):
        call_command("edge", "--render", str(tmp_path / folder), *words, *told)
        text = (tmp_path / folder / "nginx.conf").read_text().partition("upstream live {")[2].partition("}")[0]
        assert re.findall(r"server (\S+) max_fails=0;", text) == expected


def test_the_command_is_told_the_edges_of_other_regions(tmp_path):
    words = ["--certificate", "c.pem", "--certificate-key", "c.key", "--other-edge-name", "weather.example"]
    words += ["--other-edges", "192.0.2.1:443,192.0.2.2:443", "--peers", "192.0.2.0/24,2001:db8::/32"]
    call_command("edge", "--render", str(tmp_path), *words)
    text = files(tmp_path)["nginx.conf"]
    servers = text.partition("upstream other_edges {")[2].partition("}")[0]
    assert re.findall(r"server (\S+) \S+ \S+?( backup)?;", servers) == [
        ("192.0.2.1:443", ""),
        ("192.0.2.2:443", " backup"),
    ]
    assert re.findall(r"set_real_ip_from (\S+);", text) == ["192.0.2.0/24", "2001:db8::/32"]
    assert "proxy_ssl_name weather.example;" in files(tmp_path)["pass_on.conf"]


def test_a_network_that_is_none_is_named_in_one_line(tmp_path):
    with pytest.raises(CommandError, match="--peers: 'nowhere' does not appear"):
        call_command("edge", "--render", str(tmp_path), "--peers", "nowhere")


def test_an_edge_that_asks_others_has_to_know_which_may_ask_it(tmp_path):
    with pytest.raises(CommandError, match="--other-edges: name the edges in --peers too"):
        call_command("edge", "--render", str(tmp_path), "--other-edges", "192.0.2.1:443")


def test_no_place_is_left_empty(edge):
    edge_configuration.render(edge)
    assert not [name for name, text in files(edge.folder).items() if re.search(r"\$\{", text)]


def test_a_name_that_has_no_value_stops_it():
    with pytest.raises(KeyError, match="NOBODY"):
        edge_configuration.filled_in("listen ${NOBODY};", {"NAMES": ""})


def test_nginx_s_own_variables_are_left_alone():
    assert edge_configuration.filled_in("$host ${NAME} $request_id", {"NAME": "x"}) == "$host x $request_id"


@pytest.mark.parametrize("names", [("*",), (".example.com", "[::1]", "10.0.2.2")])
def test_every_host_that_django_may_allow_is_a_name_to_nginx(edge, names):
    said = checked(edge_configuration.render(replace(edge, names=names)))
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("kind", [kind for dataset in DATASETS for kind in dataset.kinds], ids=lambda kind: kind.key)
def test_the_edge_knows_each_route_of_a_dataset_everywhere(kind):
    """In its location, the two lists of paths, and the two scripts."""
    folder = TOP / "deploy" / "nginx"
    nginx, servers = ((folder / f"{name}.conf.template").read_text() for name in ("nginx", "servers"))
    edge, cell = ((folder / "njs" / f"{name}.js").read_text() for name in ("edge", "cell"))
    (path,) = (path for path, route in ROUTES.items() if route == kind.key)
    (dataset,) = (dataset for dataset in DATASETS if kind in dataset.kinds)
    assert f"location = {path} {{\n        set $edge_record {kind.key};" in servers
    for text in (nginx, servers):
        (names,) = re.findall(r"\(\?:(weather\|[a-z/|-]+)\)", text)
        assert path.removeprefix("/api/v1/") in names.split("|")
    assert f"record === '{kind.key}'" in edge
    assert (f"record !== '{kind.key}'" in cell) is not dataset.has_imperial_units
