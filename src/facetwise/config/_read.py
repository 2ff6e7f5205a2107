"""Configuration text to plain data: a YAML file, or `KEY=VALUE` settings."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from facetwise.errors import Complaint

__all__ = ["TEXT_FIELDS", "apply_settings", "read_file"]

# Fields that hold names from the user's table, and other texts: `category=NO` and `group=2010` are columns, whatever
# YAML makes of NO and 2010.
TEXT_FIELDS = ("attributes", "exclude", "category", "group", "select_by", "device")


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as in YAML 1.2; in YAML 1.1 it needs a point."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _load(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader


def _as_text(value: Any, spelled: Any) -> Any:
    """The value as it was spelled; null stays null."""
    if isinstance(value, list) and isinstance(spelled, list):
        return [_as_text(a, b) for a, b in zip(value, spelled, strict=True)]
    return spelled if isinstance(value, bool | int | float) else value


def read_file(path: Path) -> tuple[dict[str, Any], list[Complaint]]:
    """The mapping in a YAML file, or a complaint and an empty one."""
    place = str(path)
    try:
        text = path.read_text(encoding="utf-8")
        data, spelled = _load(text), yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes texts and nothing else
    except (OSError, ValueError, yaml.YAMLError) as error:
        found = str(error).replace("\n", " ")
        return {}, [Complaint(place=place, rule="the file is YAML in UTF-8", found=found, fix="correct it")]
    if data is None:
        return {}, []
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        fix = "write lines such as epochs: 20"
        return {}, [Complaint(place=place, rule="a configuration maps keys to values", found=repr(data)[:80], fix=fix)]
    return {key: _as_text(value, spelled[key]) if key in TEXT_FIELDS else value for key, value in data.items()}, []


def _place(data: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Put a value at a dotted path, in copies; a component given by its name alone becomes a mapping first."""
    for key in path[:-1]:
        below = data.get(key)
        if isinstance(below, str):
            below = {"name": below}
        data[key] = dict(below) if isinstance(below, Mapping) else {}
        data = data[key]
    data[path[-1]] = value


def apply_settings(settings: Sequence[str], data: dict[str, Any]) -> list[Complaint]:
    """Put `KEY=VALUE` settings into the data; what is no setting is a complaint."""
    complaints: list[Complaint] = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path):
            fix = "write epochs=20"
            complaints.append(Complaint(place="--set", rule="a setting is KEY=VALUE", found=repr(setting), fix=fix))
            continue
        try:
            value = _load(text)
            if path[0] in TEXT_FIELDS:
                value = _as_text(value, yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - makes texts only
        except (ValueError, yaml.YAMLError):
            value = text
        _place(data, path, value)
    return complaints
