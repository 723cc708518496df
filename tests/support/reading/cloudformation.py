"""Reads CloudFormation's YAML for tests: the short form `!Sub x` becomes the long one, {"Fn::Sub": x}."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.servers import TOP

AWS = TOP / "deploy" / "aws"
STACKS = sorted(AWS.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """Also knows the short forms of CloudFormation's functions."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


@cache
def read(file: Path) -> dict[str, Any]:
    """The whole template, with every function in its long form."""
    return yaml.load(file.read_text(), _Loader)  # noqa: S506 # a SafeLoader with functions that are data


def resources(stack: str) -> dict[str, dict[str, Any]]:
    """The resources of `deploy/aws/<stack>.yaml` by their logical names."""
    return read(AWS / f"{stack}.yaml")["Resources"]


def of_type(stack: str, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a kind, by their names."""
    return {name: one.get("Properties", {}) for name, one in resources(stack).items() if one["Type"] == f"AWS::{kind}"}


def imported(value: Any) -> str:
    """What a value imports from another stack, without the stack's name; empty where it imports nothing."""
    if isinstance(value, dict):
        if "Fn::ImportValue" in value:
            return value["Fn::ImportValue"]["Fn::Sub"].partition("}-")[2]
        return next(filter(None, map(imported, value.values())), "")
    if isinstance(value, list):
        return next(filter(None, map(imported, value)), "")
    return ""
