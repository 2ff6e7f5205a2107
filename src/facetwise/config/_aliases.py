"""Names that papers and other systems use for our components, such as `F-CB`: resolved before anything is checked."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from facetwise.config._components import components_in, value_at
from facetwise.config._given import Given
from facetwise.config._options import option_tables

__all__ = ["published_names", "resolve_aliases"]


@cache
def published_names() -> dict[str, dict[str, tuple[str, dict[str, Any]]]]:
    """Table → published name → our name and the options that it stands for; generated from the islands' tables.

    Names of losses that mean something else for a kind stand under the table of the kind, and go before the others.
    """
    text = files("facetwise.config").joinpath("aliases.json").read_text(encoding="utf-8")
    return {
        table: {alias: (name, options) for alias, (name, options) in lines.items()}
        for table, lines in json.loads(text).items()
    }


def resolve_aliases(given: Given) -> None:
    """Put our name and its options in the place of a published one; options that the user writes win."""
    for path, table in components_in(given.data).items():
        found = value_at(given.data, path)
        said = found.get("name") if isinstance(found, dict) else None
        if not isinstance(said, str):
            continue
        lines = option_tables().get(table, {})
        published = published_names().get(table.split(".")[0], {}) | published_names().get(table, {})
        name, options = published.get(said, (said, {}))
        if said in lines or name not in lines or name == said:
            continue
        if isinstance(own := found.get("options", {}), dict):
            found.update(name=name, options={**options, **own})
