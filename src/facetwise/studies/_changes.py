"""What differs between two run folders beside their answers: pictures, schema, configuration, packages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from facetwise.data import Split
from facetwise.schema import Attribute, Schema
from facetwise.studies._row_keys import row_keys, unpaired

__all__ = ["changes_of_data", "changes_of_schema", "changes_of_settings", "flat", "read_json", "read_yaml"]

_NAMES_SHOWN = 5


def read_json(path: Path) -> Any:
    """A JSON file, {} where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_yaml(path: Path) -> Any:
    """A YAML file of ours, {} where there is none."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """A tree of mappings as dotted keys.

    >>> flat({"trunk": {"name": "shared", "options": {}}, "epochs": 20})
    {'trunk.name': 'shared', 'trunk.options': {}, 'epochs': 20}
    """
    if not isinstance(tree, Mapping) or not tree:
        return {path: tree} if path else {}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{path}.{key}" if path else str(key))
    return found


def changes_of_settings(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """Dotted key → (before, after) of every value that differs; None where there is none.

    >>> changes_of_settings({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})
    {'b.c': (2, 3)}
    """
    first, second = flat(before), flat(after)
    keys = [*first, *(key for key in second if key not in first)]
    return {key: (first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)}


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(name) for name in names[:_NAMES_SHOWN]) + more


def changes_of_data(first: Split, second: Split) -> list[str]:
    """Lines about the rows of two runs: added, removed, not to be paired, another picture under the same name, another
    side."""
    lines = []
    if len(first.side) != len(second.side):
        lines.append(f"rows: {len(first.side):,} → {len(second.side):,}")
    lone = unpaired(first, second)
    at_first, at_second = row_keys(first, set(lone)), row_keys(second, set(lone))
    both = [key for key in at_first if key in at_second]
    found = {
        "gone": list(dict.fromkeys(image for image, _ in at_first if (image, 0) not in at_second)),
        "new": list(dict.fromkeys(image for image, _ in at_second if (image, 0) not in at_first)),
        "in another number of rows, which are not compared": lone,
    }
    lines += [f"pictures {word}: {len(names):,}: {_shown(names)}" for word, names in found.items() if names]
    digests = [(first.digests[at_first[key]], second.digests[at_second[key]]) for key in both]
    changed = (key for key, (old, fresh) in zip(both, digests, strict=True) if old and fresh and old != fresh)
    if other := list(dict.fromkeys(image for image, _ in changed)):
        lines.append(f"pictures with another content under the same name: {len(other):,}: {_shown(other)}")
    moves: dict[tuple[str, str], set[str]] = {}
    for key in both:
        sides = str(first.side[at_first[key]]), str(second.side[at_second[key]])
        if sides[0] != sides[1]:
            moves.setdefault(sides, set()).add(key[0])
    for (old, fresh), names in sorted(moves.items()):
        # Scores of the second run on its test rows then flatter it beside the first, and the other way round.
        seen = "; the other run has trained on them" if "test" in (old, fresh) and "train" in (old, fresh) else ""
        lines.append(f"pictures moved from {old} to {fresh}: {len(names):,}{seen}")
    return lines


def _attribute_changes(before: Attribute, after: Attribute) -> list[str]:
    lines = []
    if before.kind is not after.kind:
        lines.append(f"{before.column!r}: {before.kind} → {after.kind}")
    gone = [name for name in before.classes if name not in after.classes]
    new = [name for name in after.classes if name not in before.classes]
    for word, names in (("gone", gone), ("new", new)):
        if names:
            lines.append(f"{before.column!r}: classes {word}: {_shown(names)}")
    if not gone and not new and before.classes != after.classes:
        lines.append(f"{before.column!r}: the classes have another order")
    old, fresh = (set(each.applies_to or ()) for each in (before, after))
    if (before.applies_to is None) != (after.applies_to is None) or old != fresh:
        every = "every category"
        lines.append(
            f"{before.column!r} applies to: "
            f"{every if before.applies_to is None else _shown(sorted(old - fresh)) or 'fewer categories'} → "
            f"{every if after.applies_to is None else _shown(sorted(fresh - old)) or 'fewer categories'}"
        )
    plain = ("unit", "transform", "parent", "separator")
    return lines + [f"{before.column!r}: another {n}" for n in plain if getattr(before, n) != getattr(after, n)]


def changes_of_schema(before: Schema, after: Schema) -> list[str]:
    """Lines about two vocabularies."""
    lines = []
    for word, one, other in (("gone", before, after), ("new", after, before)):
        names = [a.column for a in one.attributes if a.column not in other.index]
        if names:
            lines.append(f"attributes {word}: {_shown(names)}")
    for attribute in before.attributes:
        if attribute.column in after.index:
            lines += _attribute_changes(attribute, after.attribute(attribute.column))
    for name in ("category", "group", "images"):
        old, fresh = getattr(before, name), getattr(after, name)
        if old != fresh:
            lines.append(f"{name}: {old!r} → {fresh!r}")
    return lines
