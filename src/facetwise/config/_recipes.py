"""Recipes: configurations that ship with the package, each a short YAML file that says what it is for and what it cost.

A recipe lies beneath everything that a user says: defaults, preset, recipe, file, keywords, settings. It opens with
comments, one fact each, longer ones indented:

    # One line about it.
    #
    # command: facetwise train products.csv --images photos/ --recipe NAME
    # data: what the table holds, and where such data come from
    # time: how long, on what
    # score: measured on what, or published where
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from facetwise.config._tree import TEXT_FIELDS
from facetwise.config._yaml import Document, parse_yaml
from facetwise.errors import Complaint, ConfigError, nearest

__all__ = ["RECIPE_FACTS", "Recipe", "read_recipe", "recipe_names"]

# What every recipe says about itself, in this order.
RECIPE_FACTS = ("command", "data", "time", "score")
_FACT = re.compile(r"#\s?(?P<key>[a-z]+): (?P<value>.*)")
_MORE = re.compile(r"#\s{2,}(?P<value>\S.*)")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A configuration that ships with the package.

    Args:
        name: What a user types.
        about: One line.
        facts: command, data, time, score.
        text: The whole file.
        document: Its values, with lines.
        digest: SHA-256 of the values; another comment is the same recipe.
    """

    name: str
    about: str
    facts: dict[str, str]
    text: str
    document: Document
    digest: str

    @property
    def values(self) -> dict[str, Any]:
        """What it sets."""
        return self.document.data


@cache
def recipe_names() -> tuple[str, ...]:
    """Names of all recipes, in alphabetical order.

    >>> "fishnet-mmoe" in recipe_names()
    True
    """
    found = files("facetwise.config").joinpath("recipes").iterdir()
    return tuple(sorted(one.name.removesuffix(".yaml") for one in found if one.name.endswith(".yaml")))


def read_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        ConfigError: There is none of this name.

    >>> read_recipe("fishnet-mmoe").values["trunk"]["experts"]
    8
    """
    if name not in recipe_names():
        fix = f"{nearest(name, recipe_names())}; `facetwise recipes` lists them"
        raise ConfigError([Complaint(place="--recipe", rule="this is a recipe", found=repr(name), fix=fix)])
    text = files("facetwise.config").joinpath("recipes", f"{name}.yaml").read_text(encoding="utf-8")
    document = parse_yaml(text, place=f"recipe {name}", as_text=TEXT_FIELDS)
    assert not document.complaints, document.complaints
    digest = hashlib.sha256(json.dumps(document.data, sort_keys=True).encode()).hexdigest()
    about, facts = _opening(text)
    return Recipe(name=name, about=about, facts=facts, text=text, document=document, digest=digest)


def _opening(text: str) -> tuple[str, dict[str, str]]:
    """The line and the facts in the comments at the top."""
    about, facts, key = "", {}, ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if (fact := _FACT.fullmatch(line)) is not None:
            key = fact["key"]
            facts[key] = fact["value"].strip()
        elif key and (more := _MORE.fullmatch(line)) is not None:
            facts[key] += f" {more['value'].strip()}"
        elif not facts and line.strip("# "):
            about = f"{about} {line.strip('# ')}".strip()
    return about, facts
