"""`deploy/audit.py`, which `make audit` runs: tested before a database of advisories on this machine."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.servers import TOP, free_port
from tests.support.staged.upstream import StagedUpstream, http
from weathernote import __version__

pytestmark = pytest.mark.pure

REACHED = http({"vulns": []})
NO_ADVISORY = http({"results": [{}]})
AN_ADVISORY = http({"results": [{"vulns": [{"id": "PYSEC-2026-1", "modified": "2026-12-01T00:00:00Z"}]}]})


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package_audit", TOP / "deploy" / "audit.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(f"sample==1.0 --hash=sha256:{'0' * 64}\n")
    return file


def packages(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[.*?\])?==([^\s;]+)", file.read_text(), re.MULTILINE))


def test_the_bill_of_materials_names_every_package_that_the_service_installs(audit: Any, tmp_path: Path):
    audit.write_sbom(TOP / "requirements.txt", tmp_path / "folder" / "sbom.json")
    bill = json.loads((tmp_path / "folder" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["version"] == __version__
    assert {each["name"]: each["version"] for each in bill["components"]} == packages(TOP / "requirements.txt")


def test_what_is_audited_holds_every_package_that_the_service_installs():
    assert packages(TOP / "requirements.txt").items() <= packages(TOP / "requirements-dev.txt").items()


def test_packages_without_an_advisory_pass(audit: Any, requirements: Path):
    with StagedUpstream(REACHED, NO_ADVISORY) as osv:
        assert audit.audit(requirements, osv.url) == 0
    assert len(osv.requests) == 2, "the look whether OSV can be reached, and the batch"


def test_a_known_vulnerability_fails(audit: Any, requirements: Path, capfd: pytest.CaptureFixture[str]):
    with StagedUpstream(REACHED, AN_ADVISORY) as osv:
        assert audit.audit(requirements, osv.url) == 1
    assert "sample 1.0: PYSEC-2026-1\n" in capfd.readouterr().out


def test_a_database_that_fails_half_way_is_no_pass(audit: Any, requirements: Path):
    with StagedUpstream(REACHED, http(status=500)) as osv:
        assert audit.audit(requirements, osv.url) == 1


def test_a_package_without_a_pin_is_no_pass(audit: Any, requirements: Path):
    requirements.write_text("sample>=1.0\n")
    with pytest.raises(SystemExit, match=r"sample>=1\.0 is not pinned and hashed"):
        audit.audit(requirements)


@pytest.mark.parametrize("said", [http(status=403), http(b"<html>")])
def test_a_gateway_that_answers_in_its_place_is_said_in_one_line(audit: Any, requirements: Path, capfd, said):
    with StagedUpstream(said) as osv:
        assert audit.audit(requirements, osv.url) == 0
    assert capfd.readouterr().out.startswith(f"Not audited: {osv.url} cannot be reached (")


def test_a_database_out_of_reach_is_said_in_one_line(audit: Any, requirements: Path, capfd: pytest.CaptureFixture[str]):
    url = f"http://127.0.0.1:{free_port()}"
    assert audit.audit(requirements, url) == 0
    assert capfd.readouterr() == (f"Not audited: {url} cannot be reached (ConnectionError).\n", "")
