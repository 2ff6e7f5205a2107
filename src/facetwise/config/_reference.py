"""The tree told to people: facts of every field, and the resolved configuration with a comment above each."""

from dataclasses import dataclass
from typing import Any, get_args

import yaml

from facetwise.config._load import Resolved
from facetwise.config._options import option_tables
from facetwise.config._tree import COMPONENT_LISTS, COMPONENTS, COMPONENTS_BY_COLUMN, Config, Losses

__all__ = ["FieldFacts", "commented_config", "describe_fields"]

_TYPES: dict[object, str] = {
    int: "whole number", float: "number", bool: "true or false", str: "text", str | None: "text, or nothing",
    list[str]: "list of names", list[str] | None: "list of names, or nothing",
}  # fmt: skip
_SEVERAL = {
    **dict.fromkeys(COMPONENTS_BY_COLUMN, "mapping from columns to names, with their options"),
    **dict.fromkeys(COMPONENT_LISTS, "list of names, with their options"),
}
_LIMITS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
_BIG = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class FieldFacts:
    """One field of the tree: its key, meaning, type, default and limits, in words; `table` where it is a component."""

    key: str
    meaning: str
    type: str
    default: Any
    limits: str
    table: str | None = None


def describe_fields() -> list[FieldFacts]:
    """Every field, in the order of the tree; the losses one by one.

    >>> [facts.limits for facts in describe_fields() if facts.key == "val_ratio"]
    ['more than 0, less than 1']
    """
    found: list[FieldFacts] = []
    for name, field in Config.model_fields.items():
        if name == "losses":
            found += [_component(f"losses.{kind}", about.description) for kind, about in Losses.model_fields.items()]
        elif name in COMPONENTS:
            found.append(_component(name, field.description))
        else:
            kind: object = field.annotation
            words = _TYPES.get(kind) or _SEVERAL.get(name) or f"one of {', '.join(map(str, get_args(kind)))}"
            default = field.get_default(call_default_factory=True)
            limits = _limits(field.metadata)
            found.append(
                FieldFacts(key=name, meaning=field.description or "", type=words, default=default, limits=limits)
            )
    return found


def _component(key: str, meaning: str | None) -> FieldFacts:
    tree: Any = Config()
    for part in key.split("."):
        tree = getattr(tree, part)
    return FieldFacts(key=key, meaning=meaning or "", type="name", default=tree.name, limits="", table=COMPONENTS[key])


def _limits(metadata: list[Any]) -> str:
    words = []
    for limit in metadata:
        for sign, text in _LIMITS.items():
            value = getattr(limit, sign, None)
            if value is not None and not (sign == "le" and value >= _BIG):
                words.append(text.format(value))
    return ", ".join(words)


def commented_config(resolved: Resolved, *, start: bool = False) -> str:
    """The configuration as YAML with a comment above every option; loading it gives the same one back.

    Args:
        resolved: What to write.
        start: A file to begin with: options that nobody has set are commented out, and so keep to the defaults.
    """
    lines = ["# Every option of `facetwise train`; docs/reference/config.md says more."]
    if start:
        lines += ["# Remove the # before a line to set it. What is left out, or commented out, has its default."]
    dumped = resolved.config.model_dump()
    for facts in describe_fields():
        path = tuple(facts.key.split("."))
        value: Any = dumped
        for part in path:
            value = value[part]
        origin = _origin(resolved, path)
        indent = "  " * (len(path) - 1)
        if path[:-1] == ("losses",) and path[-1] == next(iter(Losses.model_fields)):
            anything = any(_origin(resolved, ("losses", kind)) != "default" for kind in Losses.model_fields)
            lines += ["", "losses:" if anything or not start else "# losses:"]
        elif len(path) == 1:
            lines.append("")
        note = "; ".join(text for text in (facts.type, facts.limits) if text)
        if facts.table is not None:
            note = f"one of {', '.join(option_tables().get(facts.table, {}))}"
        lines.append(f"{indent}# {facts.meaning} ({note})")
        text = yaml.safe_dump({path[-1]: _short(value, facts)}, sort_keys=False, allow_unicode=True, width=10_000)
        mark = "# " if start and origin == "default" else ""
        where = "" if start else f"  # {_one_line(origin)}"
        head, *rest = text.rstrip("\n").split("\n")
        lines.append(f"{mark}{indent}{head}{where}")
        lines += [f"{mark}{indent}{line}" for line in rest]
    return "\n".join(lines) + "\n"


def _short(value: Any, facts: FieldFacts) -> Any:
    """A component without options by its name alone."""
    if facts.key in COMPONENT_LISTS:
        return [_one(each) for each in value]
    if facts.key in COMPONENTS_BY_COLUMN:
        return {column: _one(each) for column, each in value.items()}
    if facts.table is None:
        return value
    return _one(value)


def _one(value: dict[str, Any]) -> Any:
    return {"name": value["name"], **value["options"]} if value["options"] else value["name"]


def _origin(resolved: Resolved, path: tuple[str, ...]) -> str:
    """Where a field comes from; of a component, every place that has a say."""
    places = [place for key, place in resolved.places.items() if key[: len(path)] == path]
    return ", ".join(dict.fromkeys(places)) or resolved.origin(*path)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
