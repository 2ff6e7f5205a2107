"""The schema as YAML and back: every label quoted, every unknown key an error, every error at once.

PyYAML is loaded when a file is read or written: a schema that comes with a model is data already.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facetwise.errors import Complaint, SchemaError, nearest
from facetwise.schema._attribute import Attribute, Kind, Parent, Transform
from facetwise.schema._rule import Rule, rule_from_dict, rule_to_dict
from facetwise.schema._schema import DEFAULT_NOT_APPLICABLE, DEFAULT_UNKNOWN, Schema

__all__ = ["read_schema", "schema_digest", "schema_from_dict", "schema_to_dict", "schema_to_yaml"]

VERSION = 1
_LONGEST_SHOWN = 120
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_TOP = {
    "version",
    "image",
    "group",
    "category",
    "weight",
    "box",
    "attributes",
    "groups",
    "rules",
    "not_applicable",
    "unknown",
}
_ATTRIBUTE = {
    "column",
    "id",
    "kind",
    "classes",
    "applies_to",
    "undecided",
    "parent",
    "unit",
    "transform",
    "own_applicability",
    "separator",
    "prompts",
}
_PARENT = {"column", "of", "alone"}


def _attribute_to_dict(attribute: Attribute, category: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {"column": attribute.column, "id": attribute.id, "kind": str(attribute.kind)}
    if attribute.classes:
        data["classes"] = list(attribute.classes)
    if attribute.applies_to is not None:
        data["applies_to"] = {category: list(attribute.applies_to)}
    if attribute.undecided:
        data["undecided"] = {category: list(attribute.undecided)}
    if attribute.parent is not None:
        parent = attribute.parent
        data["parent"] = {"column": parent.column, "of": dict(parent.of), "alone": list(parent.alone)}
    if attribute.kind is Kind.NUMERIC:
        data["unit"], data["transform"] = attribute.unit, str(attribute.transform)
    if attribute.kind is Kind.MULTILABEL:
        data["separator"] = attribute.separator
    if attribute.own_applicability:
        data["own_applicability"] = True
    if attribute.prompts:
        told = {name: list(texts) for name, texts in attribute.prompts}
        data["prompts"] = told[""] if set(told) == {""} else told
    return data


def schema_to_dict(schema: Schema) -> dict[str, Any]:
    """Plain data in the order of the file format."""
    data: dict[str, Any] = {"version": VERSION}
    data["image"] = schema.images[0] if len(schema.images) == 1 else list(schema.images)
    if schema.group is not None:
        data["group"] = schema.group
    if schema.category is not None:
        data["category"] = schema.category
    if schema.weight is not None:
        data["weight"] = schema.weight
    if schema.box is not None:
        data["box"] = schema.box
    data["attributes"] = [_attribute_to_dict(a, schema.category) for a in schema.attributes]
    if schema.groups:
        data["groups"] = {name: list(columns) for name, columns in schema.groups.items()}
    if schema.rules:
        data["rules"] = [rule_to_dict(rule) for rule in schema.rules]
    data["not_applicable"], data["unknown"] = list(schema.not_applicable), list(schema.unknown)
    return data


def schema_digest(schema: Schema) -> str:
    """SHA-256 of the schema's content; equal schemas have equal digests."""
    text = json.dumps(schema_to_dict(schema), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def schema_to_yaml(schema: Schema) -> str:
    """The schema as YAML that a person can read and edit.

    >>> import yaml
    >>> a = Attribute(column="NO", id="a00", kind=Kind.CATEGORICAL, classes=("2010", "yes"))
    >>> text = schema_to_yaml(Schema(images=("image",), attributes=(a,)))
    >>> schema_from_dict(yaml.safe_load(text)).attributes[0].classes
    ('2010', 'yes')
    """
    from facetwise.schema._dump import dump_text

    return dump_text(schema_to_dict(schema))


class _Reader:
    """Collects complaints while it reads plain data."""

    def __init__(self, place: str, lines: Mapping[str, int]) -> None:
        self.place = place
        self.lines = lines
        self.complaints: list[Complaint] = []

    def complain(self, key: str, rule: str, found: Any, fix: str) -> None:
        # A key that is missing has no line; the thing that lacks it has one.
        near = key
        while near and near not in self.lines:
            near = near[: max(near.rfind("."), near.rfind("["), 0)]
        where = f"{self.place}:{self.lines[near]}" if near else self.place
        text = repr(found)
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
        self.complaints.append(Complaint(place=f"{where}: {key}", rule=rule, found=shown, fix=fix))

    def written(self, text: str, key: str) -> str:
        """A text that every file can hold: half a surrogate pair has no bytes, a NUL ends it."""
        if _UNWRITABLE.search(text):
            self.complain(key, "a text can be written as UTF-8, without NUL", text, "type it again")
        return text

    def keys(self, data: dict[str, Any], known: set[str], key: str) -> None:
        for name in data:
            if name not in known:
                own = str(name) if key == "top" else f"{key}.{name}"
                self.complain(own, "every key is known", name, nearest(str(name), known))

    def text(self, data: dict[str, Any], name: str, key: str, default: str | None = None) -> str | None:
        value = data.get(name, default)
        if value is not None and not isinstance(value, str):
            self.complain(f"{key}{name}", "a name is text", value, "put it in quotes")
            return default
        return value if value is None else self.written(value, f"{key}{name}")

    def texts(self, data: dict[str, Any], name: str, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        values = data.get(name)
        if values is None:
            return default
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list):
            self.complain(f"{key}{name}", "this is a list of labels", values, 'write ["first", "second"]')
            return default
        for value in values:
            if not isinstance(value, str):
                fix = f'put it in quotes: "{str(value)[:_LONGEST_SHOWN]}"'
                self.complain(f"{key}{name}", "a label is text", value, fix)
        return tuple(self.written(value, f"{key}{name}") for value in values if isinstance(value, str))

    def by_category(self, data: dict[str, Any], name: str, key: str, category: str | None) -> tuple[str, ...] | None:
        value = data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or len(value) != 1:
            self.complain(
                f"{key}{name}",
                "this maps the category column to a list of its classes",
                value,
                f'write {{"{category}": ["first", "second"]}}',
            )
            return ()
        if (column := next(iter(value))) != category:
            self.complain(f"{key}{name}", "the column is the schema's category", column, f"write {category!r}")
        return self.texts(value, column, f"{key}{name}.")

    def choice(
        self, data: dict[str, Any], name: str, key: str, choices: type[Kind] | type[Transform], default: str
    ) -> Any:
        value = data.get(name, default)
        if value not in list(choices):
            self.complain(f"{key}{name}", f"this is one of {', '.join(choices)}", value, nearest(str(value), choices))
            return choices(default)
        return choices(value)

    def switch(self, data: dict[str, Any], name: str, key: str) -> bool:
        value = data.get(name, False)
        if not isinstance(value, bool):
            self.complain(f"{key}{name}", "this is true or false", value, "write true or false, without quotes")
        return value is True

    def prompts(self, data: dict[str, Any], key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        value = data.get("prompts")
        if isinstance(value, dict):
            for name in value:
                if not isinstance(name, str):
                    self.complain(f"{key}prompts", "a label is text", name, f'put it in quotes: "{name}"')
            return tuple((name, self.texts(value, name, f"{key}prompts.")) for name in value if isinstance(name, str))
        texts = self.texts(data, "prompts", key)
        return (("", texts),) if texts else ()

    def rules(self, data: dict[str, Any]) -> tuple[Rule, ...]:
        listed = data.get("rules") or []
        if not isinstance(listed, list):
            self.complain("rules", "this is a list of rules", listed, "begin each with '-'")
            return ()
        read = [rule_from_dict(one) for one in listed]
        for number, (one, rule) in enumerate(zip(listed, read, strict=True)):
            if isinstance(rule, str):
                self.complain(f"rules[{number}]", "a rule has 'if', and either 'then' or 'never'", one, rule)
        return tuple(rule for rule in read if isinstance(rule, Rule))

    def attribute(self, data: Any, number: int, category: str | None) -> Attribute | None:
        key = f"attributes[{number}]."
        if not isinstance(data, dict) or not isinstance(data.get("column"), str):
            self.complain(
                key[:-1], "an attribute has a 'column', in quotes", data, 'write {column: "colour", kind: categorical}'
            )
            return None
        self.keys(data, _ATTRIBUTE, key[:-1])
        parent = None
        if (above := data.get("parent")) is not None:
            if (
                isinstance(above, dict)
                and isinstance(above.get("column"), str)
                and isinstance(above.get("of", {}), dict)
            ):
                self.keys(above, _PARENT, f"{key}parent")
                of = above.get("of", {})
                for child, value in of.items():
                    for label in (child, value):
                        if not isinstance(label, str):
                            self.complain(f"{key}parent.of", "a label is text", label, f'put it in quotes: "{label}"')
                of = {child: value for child, value in of.items() if isinstance(child, str) and isinstance(value, str)}
                parent = Parent(column=above["column"], of=of, alone=self.texts(above, "alone", f"{key}parent."))
            else:
                self.complain(
                    f"{key}parent",
                    "a parent has a column and says what each class belongs to",
                    above,
                    'write {column: "coarse", of: {"Granny Smith": "Apple"}}',
                )
        return Attribute(
            column=self.written(data["column"], f"{key}column"),
            id=self.text(data, "id", key) or f"a{number:02d}",
            kind=self.choice(data, "kind", key, Kind, "categorical"),
            classes=self.texts(data, "classes", key),
            applies_to=self.by_category(data, "applies_to", key, category),
            undecided=self.by_category(data, "undecided", key, category) or (),
            parent=parent,
            unit=self.text(data, "unit", key) or "",
            transform=self.choice(data, "transform", key, Transform, "none"),
            separator=self.text(data, "separator", key, "|") or "",
            own_applicability=self.switch(data, "own_applicability", key),
            prompts=self.prompts(data, key),
        )


def schema_from_dict(data: Any, *, place: str = "schema", lines: Mapping[str, int] | None = None) -> Schema:
    """Build a schema from plain data.

    Args:
        data: What `schema_to_dict` gives.
        place: What messages call it.
        lines: Per key the line of the file that it stands on.

    Raises:
        SchemaError: Everything that is wrong, each with its key.
    """
    reader = _Reader(place, lines or {})
    if not isinstance(data, dict):
        raise SchemaError(
            [
                Complaint(
                    place=place,
                    rule="a schema is a mapping of keys",
                    found=type(data).__name__,
                    fix="start from the file that `facetwise inspect` writes",
                )
            ]
        )
    reader.keys(data, _TOP, "top")
    if data.get("version") != VERSION:
        reader.complain("version", f"the version is {VERSION}", data.get("version"), f"write version: {VERSION}")
    category = reader.text(data, "category", "")
    listed = data.get("attributes", [])
    if not isinstance(listed, list):
        reader.complain("attributes", "this is a list of attributes", listed, "begin each with '-'")
    attributes = [
        reader.attribute(item, n, category) for n, item in enumerate(listed if isinstance(listed, list) else [])
    ]
    groups = data.get("groups") or {}
    if not isinstance(groups, dict):
        reader.complain(
            "groups", "this maps names to lists of columns", groups, 'write {"colour": ["first", "second"]}'
        )
        groups = {}
    fields = {
        "images": reader.texts(data, "image", "", ("image",)),
        "group": reader.text(data, "group", ""),
        "category": category,
        "weight": reader.text(data, "weight", ""),
        "box": reader.text(data, "box", ""),
        "groups": {reader.written(str(name), "groups"): reader.texts(groups, name, "groups.") for name in groups},
        "rules": reader.rules(data),
        "unknown": reader.texts(data, "unknown", "", DEFAULT_UNKNOWN),
        "not_applicable": reader.texts(data, "not_applicable", "", DEFAULT_NOT_APPLICABLE),
    }
    if reader.complaints:
        raise SchemaError(reader.complaints)
    return Schema(attributes=tuple(a for a in attributes if a is not None), **fields)


def read_schema(path: Path) -> Schema:
    """Read a schema file.

    Raises:
        SchemaError: It is not YAML, or breaks a rule.
    """
    from facetwise.schema._load import load_text

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or str(error)
        complaint = Complaint(
            place=str(path), rule="the file is YAML in UTF-8", found=found, fix="check the path, or save it as UTF-8"
        )
        raise SchemaError([complaint]) from error
    loaded = load_text(text, place=str(path))
    return schema_from_dict(loaded.data, place=str(path), lines=loaded.lines)
