"""The files at the top that tools read: `.editorconfig`, `.pre-commit-config.yaml`, `.github/workflows`, `.ci/run`."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers import TOP

pytestmark = pytest.mark.pure

WORKFLOW_KEYS = {"name", "on", "permissions", "concurrency", "jobs"}
JOB_KEYS = {"runs-on", "timeout-minutes", "steps"}
STEP_KEYS = {"name", "uses", "with", "run"}
HOOK_KEYS = {"id", "name", "language", "entry", "types_or", "files", "pass_filenames"}
MAKEFILE = (TOP / "Makefile").read_text()


def read(file: str) -> dict[str, Any]:
    return yaml.load((TOP / file).read_text(), yaml.BaseLoader)  # noqa: S506 - makes texts alone: `on` stays a word


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return read(".github/workflows/check.yml")


@pytest.fixture(scope="module")
def hooks() -> list[dict[str, Any]]:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local", "nothing is fetched from elsewhere"
    return local["hooks"]


def tracked_texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("no git checkout")
    return [
        TOP / name
        for name in listed.split("\0")
        if name and not name.endswith((".bin", ".gz", ".png", ".webp")) and (TOP / name).is_file()
    ]


def test_editorconfig_says_what_the_files_are():
    said = configparser.ConfigParser()
    said.read_string("[top]\n" + (TOP / ".editorconfig").read_text())
    assert said["top"]["root"] == "true"
    assert said["*"]["insert_final_newline"] == said["*"]["trim_trailing_whitespace"] == "true"
    assert said["*"]["end_of_line"] == "lf"
    texts = {file: file.read_bytes() for file in tracked_texts()}
    assert [file for file, text in texts.items() if text and not text.endswith(b"\n")] == []
    assert [file for file, text in texts.items() if b"\r\n" in text or b" \n" in text] == []


def test_the_workflow_has_only_keys_that_are_known(workflow: dict[str, Any]):
    assert set(workflow) == WORKFLOW_KEYS
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert all(set(job) <= JOB_KEYS for job in workflow["jobs"].values())
    assert all(
        set(step) <= STEP_KEYS and ("uses" in step) != ("run" in step) for step in workflow["jobs"]["check"]["steps"]
    )


def test_the_workflow_reads_and_no_more(workflow: dict[str, Any]):
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in (TOP / ".github/workflows/check.yml").read_text()
    checkout = workflow["jobs"]["check"]["steps"][0]
    assert checkout["uses"].startswith("actions/checkout@") and checkout["with"]["persist-credentials"] == "false"


def test_the_workflow_runs_everything_on_two_pythons_in_bounded_time(workflow: dict[str, Any]):
    job = workflow["jobs"]["check"]
    python = next(step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@"))
    assert job["timeout-minutes"] == "40"
    assert set(python["python-version"].split()) == {"3.11", "3.13"}
    assert python["cache"] == "pip" and list(TOP.glob(python["cache-dependency-path"]))
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]


def test_the_hooks_are_those_of_make_lint(hooks: list[dict[str, Any]]):
    assert [hook["id"] for hook in hooks] == ["ruff-check", "ruff-format", "lint-imports"]
    assert all(set(hook) <= HOOK_KEYS and hook["language"] == "system" for hook in hooks)
    for hook in hooks:
        assert hook["entry"].removesuffix(" --force-exclude") in MAKEFILE.replace(" .\n", "\n")


def test_a_hook_passes_over_migrations_and_finds_what_is_wrong(hooks: list[dict[str, Any]], tmp_path: Path):
    ruff = [*hooks[0]["entry"].split()[1:], "--config", str(TOP / "pyproject.toml"), "--no-cache"]
    for folder in ("migrations", "views"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "module.py").write_text("import os\n")
        found = subprocess.run(
            [Path(sys.executable).parent / "ruff", *ruff, f"{folder}/module.py"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert found.returncode == (folder == "views")


@pytest.mark.parametrize(
    "script", [".ci/run", *(str(file.relative_to(TOP)) for file in (TOP / "deploy").rglob("*.sh"))]
)
def test_a_script_of_the_shell_can_be_read_by_it(script: str):
    subprocess.run([shutil.which("bash") or "bash", "-n", TOP / script], check=True)


@pytest.mark.parametrize(
    "target", [line.split(":")[0] for line in MAKEFILE.splitlines() if line[:1].isalpha() and line.endswith(":")]
)
def test_make_help_names_every_target(target: str):
    assert target == "help" or f'@echo "make {target} ' in MAKEFILE
    assert target in MAKEFILE.partition(".PHONY:")[2].partition("\n")[0].split()
