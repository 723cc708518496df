"""Which metrics and labels a PromQL expression names, and promtool's verdict on files."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers import TOP

PROMETHEUS = TOP / "deploy" / "prometheus"
RULE_FILES = [PROMETHEUS / "recording.rules.yml", PROMETHEUS / "alerts.rules.yml"]
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)"
)

_WORDS = {"and", "or", "unless", "offset", "bool"}
_NO_NAMES = re.compile(
    r'"[^"]*"|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\boffset\s+\w+'
)
_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*\b(?!\s*\()")
_SELECTOR = re.compile(r"(?<![\w:])([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|=|!=|!~)\s*"([^"]*)"')


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    bare = _NO_NAMES.sub(" ", re.sub(r"\{[^}]*\}", " ", expression))
    return set(_NAME.findall(bare)) - _WORDS


def matchers_in(expression: str) -> set[tuple[str, str, str, str]]:
    """(metric, label, operator, value) of every matcher."""
    return {(name, *matcher) for name, inside in _SELECTOR.findall(expression) for matcher in _MATCHER.findall(inside)}


def rules(file: Path) -> list[dict[str, Any]]:
    """The rules of all groups in a file of rules, recording and alerting ones alike."""
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments: str | Path, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """Runs promtool to its end, whatever its exit code; `timeout` in seconds."""
    return subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=timeout
    )
