"""A configuration from a YAML file, `KEY=VALUE` settings and keywords, with every mistake reported at once."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from facetwise.config._tree import Component, Config
from facetwise.errors import Complaint, ConfigError, nearest

__all__ = ["config_to_yaml", "load_config", "option_tables"]

# Fields of the tree that name a line of a component table.
COMPONENTS = {
    "backbone": "BACKBONES",
    "trunk": "TRUNKS",
    "head": "HEADS",
    "reweighting": "REWEIGHTING",
    "balancing": "BALANCERS",
    "losses.categorical": "LOSSES",
    "losses.binary": "LOSSES",
    "losses.multilabel": "LOSSES",
    "losses.ordinal": "LOSSES",
    "losses.numeric": "LOSSES",
}


@cache
def option_tables() -> dict[str, dict[str, dict[str, Any]]]:
    """Table, name, option → {type, default}, as generated from the islands' signatures."""
    return json.loads(files("facetwise.config").joinpath("options.json").read_text(encoding="utf-8"))


def _place(data: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Put a value at a dotted path; a component given by its name alone becomes a mapping first."""
    for key in path[:-1]:
        below = data.get(key)
        if isinstance(below, str):
            below = {"name": below}
        data[key] = dict(below) if isinstance(below, Mapping) else {}
        data = data[key]
    data[path[-1]] = value


def _settings(settings: Sequence[str], data: dict[str, Any]) -> list[Complaint]:
    complaints: list[Complaint] = []
    defaults = Config().model_dump()
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            complaints.append(
                Complaint(place="--set", rule="a setting is KEY=VALUE", found=repr(setting), fix="write epochs=20")
            )
            continue
        path = key.strip().split(".")
        if path[0] in COMPONENTS and len(path) == 2 and path[0] not in data:
            _place(data, [path[0], "name"], defaults[path[0]]["name"])
        try:
            _place(data, path, yaml.safe_load(text))
        except yaml.YAMLError:
            _place(data, path, text)
    return complaints


def _from_pydantic(error: ValidationError) -> list[Complaint]:
    complaints: list[Complaint] = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = Config.model_fields if len(item["loc"]) == 1 else ()
            fix = nearest(str(item["loc"][-1]), known) if known else "remove it"
            complaints.append(Complaint(place=f"config: {key}", rule="every key is known", found=repr(key), fix=fix))
        else:
            complaints.append(
                Complaint(
                    place=f"config: {key}",
                    rule=item["msg"].rstrip("."),
                    found=repr(item["input"]),
                    fix="correct the value",
                )
            )
    return complaints


def _about_components(config: Config) -> list[Complaint]:
    complaints: list[Complaint] = []
    for key, table in COMPONENTS.items():
        component: Any = config
        for part in key.split("."):
            component = getattr(component, part)
        assert isinstance(component, Component)
        known = option_tables()[table]
        if component.name not in known:
            complaints.append(
                Complaint(place=f"config: {key}", rule="the name is in the table", found=repr(component.name),
                          fix=nearest(component.name, known))
            )  # fmt: skip
            continue
        for option in component.options:
            if option not in known[component.name]:
                complaints.append(
                    Complaint(place=f"config: {key}.{option}", rule=f"{component.name} knows the option",
                              found=repr(option), fix=nearest(option, known[component.name]))
                )  # fmt: skip
    return complaints


def load_config(path: Path | None = None, settings: Sequence[str] = (), **options: object) -> Config:
    """The configuration: defaults, then the file, then keywords, then settings.

    Args:
        path: YAML file.
        settings: `KEY=VALUE`, with dots into the tree: `trunk.width=512`.
        options: Fields by name; None means not given.

    Raises:
        ConfigError: Everything that is wrong, at once.

    >>> load_config(settings=["epochs=5", "trunk.width=64"]).trunk.options
    {'width': 64}
    """
    data: dict[str, Any] = {}
    complaints: list[Complaint] = []
    if path is not None:
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            found = str(error).replace("\n", " ")
            complaints.append(
                Complaint(place=str(path), rule="the file is YAML in UTF-8", found=found, fix="correct it")
            )
        if not isinstance(data, dict):
            complaints.append(
                Complaint(place=str(path), rule="a configuration maps keys to values", found=type(data).__name__,
                          fix="write lines such as epochs: 20")
            )  # fmt: skip
            data = {}
    data.update({key: value for key, value in options.items() if value is not None})
    complaints += _settings(settings, data)
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        complaints += _from_pydantic(error)
    if config is not None:
        complaints += _about_components(config)
    if complaints or config is None:
        raise ConfigError(complaints)
    return config


def config_to_yaml(config: Config) -> str:
    """The resolved configuration; loading it gives the same one back."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True, width=120)
