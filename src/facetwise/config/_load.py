"""A configuration from a YAML file, `KEY=VALUE` settings and keywords, with every mistake reported at once."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from facetwise.config._read import apply_settings, read_file
from facetwise.config._tree import Component, Config, Losses
from facetwise.errors import Complaint, ConfigError, nearest

__all__ = ["config_to_yaml", "load_config", "option_tables"]

# Fields of the tree that name a line of a component table; of the losses, those that fit the kind.
COMPONENTS = {
    "backbone": "BACKBONES",
    "trunk": "TRUNKS",
    "head": "HEADS",
    "reweighting": "REWEIGHTING",
    "balancing": "BALANCERS",
    **{f"losses.{kind}": f"LOSSES.{kind}" for kind in Losses.model_fields},
}
# Types of options that can be told apart here; an island checks the others itself.
_PLAIN: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}


@cache
def option_tables() -> dict[str, dict[str, dict[str, Any]]]:
    """Table, name, option → {type, default}, as generated from the islands' signatures."""
    return json.loads(files("facetwise.config").joinpath("options.json").read_text(encoding="utf-8"))


def _find(tree: Any, path: Sequence[str]) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _name_components(data: dict[str, Any]) -> None:
    """A component that is given by its options alone is the default one, with those options."""
    defaults = Config().model_dump()
    if isinstance(losses := data.get("losses"), Mapping):
        data["losses"] = dict(losses)
    for key in COMPONENTS:
        *above, last = key.split(".")
        parent = _find(data, above)
        if isinstance(parent, dict) and isinstance(given := parent.get(last), Mapping) and "name" not in given:
            parent[last] = {"name": _find(defaults, key.split("."))["name"], **given}


def _from_pydantic(error: ValidationError) -> list[Complaint]:
    complaints: list[Complaint] = []
    for item in error.errors():
        where = [str(part) for part in item["loc"]]
        key = ".".join(where)
        if item["type"] == "extra_forbidden":
            known = {1: Config.model_fields, 2: Losses.model_fields}.get(len(where), {})
            fix = nearest(where[-1], known) if known else "remove it"
            complaints.append(Complaint(place=f"config: {key}", rule="every key is known", found=repr(key), fix=fix))
        else:
            rule, found = item["msg"].rstrip("."), repr(item["input"])
            complaints.append(Complaint(place=f"config: {key}", rule=rule, found=found, fix="correct the value"))
    return complaints


def _about_component(key: str, component: Component) -> list[Complaint]:
    known = option_tables()[COMPONENTS[key]]
    if component.name not in known:
        fix = nearest(component.name, known)
        found = repr(component.name)
        return [Complaint(place=f"config: {key}", rule="the name is in the table", found=found, fix=fix)]
    complaints: list[Complaint] = []
    for option, value in component.options.items():
        place = f"config: {key}.{option}"
        about = known[component.name].get(option)
        if about is None:
            rule, fix = f"{component.name} knows the option", nearest(option, known[component.name])
            complaints.append(Complaint(place=place, rule=rule, found=repr(option), fix=fix))
            continue
        types = _PLAIN.get(about["type"])
        # True is an int to Python, and never meant as one.
        if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            fix = f"write a value such as {about['default']!r}"
            complaints.append(Complaint(place=place, rule=f"this is a {about['type']}", found=repr(value), fix=fix))
    return complaints


def _about_components(data: dict[str, Any]) -> list[Complaint]:
    """What is wrong with each component by itself, so that one mistake elsewhere does not hide these."""
    complaints: list[Complaint] = []
    for key in COMPONENTS:
        given = _find(data, key.split("."))
        if given is None:
            continue
        *above, last = key.split(".")
        try:
            # One field at a time, through the tree, so that every short form is read as it will be.
            tree: Any = Losses.model_validate({last: given}) if above else Config.model_validate({last: given})
        except ValidationError:
            continue  # said already
        complaints += _about_component(key, getattr(tree, last))
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
    data, complaints = ({}, []) if path is None else read_file(path)
    data.update({key: value for key, value in options.items() if value is not None})
    complaints += apply_settings(settings, data)
    _name_components(data)
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        complaints += _from_pydantic(error)
    complaints += _about_components(data)
    if complaints or config is None:
        raise ConfigError(complaints)
    return config


def config_to_yaml(config: Config) -> str:
    """The resolved configuration; loading it gives the same one back."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True, width=120)
