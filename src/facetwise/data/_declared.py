"""A schema that the user declared: kept as it is, and held against the training rows."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from facetwise.data._cells import ClassFinder
from facetwise.data._choose import chosen_columns
from facetwise.data._notices import Notice
from facetwise.data._spelling import pieces
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError, nearest
from facetwise.schema import Attribute, Kind, Parent, Rule, Schema

__all__ = ["check_declared"]

# Columns and rules in one message.
_SHOWN = 5


def _without_places(attribute: Attribute) -> tuple[Attribute, list[Notice]]:
    """The attribute without the prompts that name the category, which is gone."""
    found = [(name, tuple(one for one in texts if "{category}" not in one)) for name, texts in attribute.prompts]
    all_of_them = sum(len(texts) for _, texts in attribute.prompts)
    gone = all_of_them - sum(len(texts) for _, texts in found)
    if not gone:
        return attribute, []
    message = f"{gone} of {all_of_them} prompts speak of the category, which is not among the chosen columns, and go."
    kept = tuple((name, texts) for name, texts in found if texts)
    return replace(attribute, prompts=kept), [Notice(code="prompts-gone", message=message, column=attribute.column)]


def _reduced_rules(schema: Schema, chosen: Collection[str]) -> tuple[tuple[Rule, ...], list[Notice]]:
    """The rules about chosen columns alone."""
    gone = [rule for rule in schema.rules if not set(rule.columns) <= set(chosen)]
    if not gone:
        return schema.rules, []
    columns = sorted({column for rule in gone for column in rule.columns} - set(chosen))
    message = (
        f"{len(gone)} of {len(schema.rules)} rules speak of {', '.join(map(repr, columns[:_SHOWN]))}"
        f"{', ...' if len(columns) > _SHOWN else ''}, not among the chosen columns, and go: "
        f"{'; '.join(map(str, gone[:_SHOWN]))}{'; ...' if len(gone) > _SHOWN else ''}."
    )
    kept = tuple(rule for rule in schema.rules if rule not in gone)
    return kept, [Notice(code="rules-gone", message=message)]


def _reduced(schema: Schema, chosen: tuple[str, ...]) -> tuple[Schema, list[Notice]]:
    """The schema of some of its attributes; a parent that is gone hands the child to its own parent."""
    if len(chosen) == len(schema.attributes):
        return schema, []
    category = schema.category if schema.category in chosen else None
    rules, notices = _reduced_rules(schema, chosen)
    kept = []
    for name in chosen:
        attribute = schema.attribute(name)
        parent = attribute.parent
        while parent is not None and parent.column not in chosen:
            above = schema.attribute(parent.column).parent
            parent = above and Parent(
                column=above.column,
                of={child: above.of[name] for child, name in parent.of.items()},
                alone=tuple(dict.fromkeys([*above.alone, *(above.of[name] for name in parent.alone)])),
            )
        attribute = replace(attribute, parent=parent)
        if category is None and attribute.applies_to is not None:
            # Without the category its own sigmoid decides, so that "not applicable" is still learned where it is said.
            attribute = replace(attribute, applies_to=None, undecided=(), own_applicability=attribute.own_applicability)
        if category is None:
            attribute, said = _without_places(attribute)
            notices += said
        kept.append(attribute)
    groups = {
        name: tuple(column for column in columns if column in chosen)
        for name, columns in schema.groups.items()
        if any(column in chosen for column in columns)
    }
    return replace(schema, attributes=tuple(kept), category=category, groups=groups, rules=rules), notices


def check_declared(
    schema: Schema,
    table: Table,
    train_rows: np.ndarray,
    *,
    min_count: int,
    attributes: Collection[str] | None,
    exclude: Collection[str],
    pictures: bool,
) -> tuple[Schema, list[Notice]]:
    """The declared schema, reduced to the chosen columns, and notices about what is gone and what is hardly carried.

    Raises:
        ConfigError: An unknown name in `attributes` or `exclude`.
        TableError: A declared column is not in the table.
    """
    known = [attribute.column for attribute in schema.attributes]
    # A column of the table that is no attribute, such as its split, may be excluded too: nothing of it is learned.
    ours = [name for name in exclude if name in known or name not in table.cells]
    schema, notices = _reduced(schema, chosen_columns(known, attributes=attributes, exclude=ours))
    roles = [name for name in (schema.group, schema.weight, schema.box) if name is not None]
    named = [*(attribute.column for attribute in schema.attributes), *roles]
    complaints = [
        Complaint(
            place=table.name,
            rule="a column that the schema names is in the table",
            found=f"no {name!r}",
            fix=nearest(name, table.columns),
        )
        for name in [*named, *(schema.images if pictures else ())]
        if name not in table.cells
    ]
    if complaints:
        raise TableError(complaints)
    silent = set(schema.unknown) | set(schema.not_applicable)
    for attribute in schema.attributes:
        coded = table.coded(attribute.column)
        counts = np.bincount(coded.codes[train_rows], minlength=len(coded.values))
        if attribute.kind is Kind.NUMERIC:
            continue
        finder, rows = ClassFinder.of(attribute.classes, attribute.kind), np.zeros(len(attribute.classes), dtype=int)
        for text, count in zip(coded.values, counts.tolist(), strict=True):
            if text in silent or not count:
                continue
            for piece in pieces(text, attribute.separator) if attribute.kind is Kind.MULTILABEL else (text,):
                if (place := finder.place(piece)) >= 0:
                    rows[place] += count
        few = [f"{name!r} ({count})" for name, count in zip(attribute.classes, rows, strict=True) if count < min_count]
        if few:
            message = (
                f"{len(few)} of {len(attribute.classes)} declared classes have fewer than {min_count} training rows: "
                f"{', '.join(few[:12])}{', ...' if len(few) > 12 else ''}. They are kept as declared."
            )
            notices.append(Notice(code="few-rows", message=message, column=attribute.column))
    return schema, notices
