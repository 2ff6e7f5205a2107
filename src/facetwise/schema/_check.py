"""The rules that a schema keeps, checked all at once."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from facetwise.errors import Complaint, nearest
from facetwise.schema._attribute import Attribute, Kind, Transform

__all__ = ["complaints_about"]

_ID = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_PLACES = re.compile(r"\{([^{}]*)\}")
# What every answer says of its item, and of an attribute in columns of their own: COLUMN:state.
_OF_ITEMS = ("image", "issue")
_OF_ATTRIBUTES = ("state", "confidence", "set", "low", "high", "given")
_FEWEST_CLASSES = {Kind.CATEGORICAL: 1, Kind.MULTILABEL: 1, Kind.ORDINAL: 2}


def _about_classes(attribute: Attribute) -> list[Complaint]:
    column, kind, classes = attribute.column, attribute.kind, attribute.classes
    found: list[Complaint] = []
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated:
        found.append(
            Complaint(
                column=column,
                rule="class names are different",
                found=repr(repeated[0]) + " twice",
                fix="remove one of the two from 'classes'",
            )
        )
    if kind is Kind.NUMERIC and classes:
        found.append(
            Complaint(
                column=column,
                rule="a numeric attribute has no classes",
                found=f"{len(classes)} classes",
                fix="remove 'classes', or make the kind ordinal",
            )
        )
    if kind is Kind.BINARY and len(classes) != 2:
        found.append(
            Complaint(
                column=column,
                rule="a binary attribute has two classes, negative then positive",
                found=f"{len(classes)} classes",
                fix="list two, or make the kind categorical",
            )
        )
    if len(classes) < _FEWEST_CLASSES.get(kind, 0):
        found.append(
            Complaint(
                column=column,
                rule=f"an attribute of kind {kind} has at least {_FEWEST_CLASSES[kind]} classes",
                found=f"{len(classes)}",
                fix="list the classes, or leave the attribute out",
            )
        )
    if kind is Kind.MULTILABEL and not attribute.separator:
        rule, fix = "something stands between the classes of a cell", 'write separator: "|"'
        found.append(Complaint(column=column, rule=rule, found="an empty separator", fix=fix))
    if attribute.transform is not Transform.NONE and kind is not Kind.NUMERIC:
        found.append(
            Complaint(
                column=column,
                rule="only numeric attributes have a transform",
                found=str(attribute.transform),
                fix="remove 'transform'",
            )
        )
    return found


def _about_names(columns: Sequence[str]) -> list[Complaint]:
    """Answers are columns in one table: an attribute that is called like another of them would hide it."""
    taken = dict.fromkeys(_OF_ITEMS, "the item")
    taken |= {f"{column}:{tail}": repr(column) for column in columns for tail in _OF_ATTRIBUTES}
    return [
        Complaint(
            column=column,
            rule=f"answers have a column of this name about {taken[column]}, so no attribute has it",
            found=repr(column),
            fix="rename the column, or leave it out with --exclude (with a schema: remove it from 'attributes')",
        )
        for column in columns
        if column in taken
    ]


def _about_prompts(attribute: Attribute, category: str | None) -> list[Complaint]:
    column, found = attribute.column, list[Complaint]()

    def complain(rule: str, what: str, fix: str) -> None:
        found.append(Complaint(column=column, rule=rule, found=what, fix=fix))

    if attribute.prompts and attribute.kind is Kind.NUMERIC:
        complain("a number has no prompts", f"{len(attribute.prompts)}", "remove 'prompts'")
    known = {"value", "attribute", *([] if category in (None, column) else ["category"])}
    for name, texts in attribute.prompts:
        if name and name not in attribute.classes:
            complain("prompts are of the attribute's classes", repr(name), nearest(name, attribute.classes))
        if not texts:
            complain("a class has at least one prompt", f"none for {name!r}", "write one, or remove the class")
        for text in texts:
            if wrong := [word for word in _PLACES.findall(text) if word not in known]:
                fix = f"write one of {', '.join('{' + word + '}' for word in sorted(known))}"
                complain("a prompt has places that can be filled", f"{{{wrong[0]}}} in {text!r}", fix)
            elif not name and "{value}" not in text:
                complain("a prompt of all classes has a place for the class", repr(text), "write {value} into it")
    return found


def _about_parent(attribute: Attribute, by_column: dict[str, Attribute]) -> list[Complaint]:
    parent, column = attribute.parent, attribute.column
    if parent is None:
        return []
    if attribute.kind is not Kind.CATEGORICAL:
        return [
            Complaint(
                column=column,
                rule="only categorical attributes have a parent",
                found=f"kind {attribute.kind}",
                fix="remove 'parent'",
            )
        ]
    if parent.column not in by_column or by_column[parent.column].kind is not Kind.CATEGORICAL:
        return [
            Complaint(
                column=column,
                rule="a parent is another categorical attribute",
                found=repr(parent.column),
                fix=f"name one; {nearest(parent.column, by_column)}",
            )
        ]
    above = by_column[parent.column]
    # Sets, because a hundred thousand classes are looked up among as many.
    theirs, meant = set(above.classes), {*parent.of.values(), *parent.alone}
    found = [
        Complaint(
            column=column,
            rule="every class has a class of the parent",
            found=f"{name!r} -> {parent.of.get(name)!r}",
            fix=f"say in 'parent' which class of {parent.column!r} it belongs to",
        )
        for name in attribute.classes
        if parent.of.get(name) not in theirs
    ]
    found += [
        Complaint(
            column=column,
            rule="'alone' lists classes of the parent",
            found=repr(name),
            fix=nearest(name, above.classes),
        )
        for name in parent.alone
        if name not in theirs
    ]
    # A class without a leaf has no logit anywhere: its probability would be 0 and its loss infinite.
    found += [
        Complaint(
            column=column,
            rule=f"every class of the parent {above.column!r} has a class here, or is listed in 'alone'",
            found=repr(name) + " with neither",
            fix=f"add {name!r} to 'alone'",
        )
        for name in above.classes
        if name not in meant
    ]
    seen, walk = {column}, above
    while walk.parent is not None and walk.parent.column in by_column:
        if walk.column in seen:
            return [
                Complaint(
                    column=column,
                    rule="parents form no circle",
                    found=f"{column!r} above itself",
                    fix="remove one 'parent'",
                )
            ]
        seen.add(walk.column)
        walk = by_column[walk.parent.column]
    return found


def _about_category(name: str | None, by_column: dict[str, Attribute]) -> list[Complaint]:
    dependent = [a for a in by_column.values() if a.applies_to is not None]
    if name is None:
        return [
            Complaint(
                column=a.column,
                rule="'applies_to' needs a category",
                found="no 'category' in the schema",
                fix="name the category column, or remove 'applies_to'",
            )
            for a in dependent
        ]
    category = by_column.get(name)
    if category is None or category.kind is not Kind.CATEGORICAL:
        return [
            Complaint(
                place="category",
                rule="the category is a categorical attribute",
                found=repr(name),
                fix=nearest(name, by_column),
            )
        ]
    if category.applies_to is not None:
        return [
            Complaint(
                column=category.column, rule="the category applies to every item", found="'applies_to'", fix="remove it"
            )
        ]
    known = set(category.classes)
    return [
        Complaint(
            column=a.column,
            rule=f"'applies_to' lists classes of {name!r}",
            found=repr(label),
            fix=nearest(label, category.classes),
        )
        for a in dependent
        for label in (*(a.applies_to or ()), *a.undecided)
        if label not in known
    ]


def _about_roles(
    roles: Mapping[str, str | None], by_column: Mapping[str, Attribute], images: Sequence[str]
) -> list[Complaint]:
    """A column that weighs rows or crops pictures is nothing else; and there is a column of pictures, named once."""
    found = [
        Complaint(
            place=role,
            rule="the column has this role alone",
            found=f"{column!r}, also {'an attribute' if column in by_column else 'a column of pictures'}",
            fix=f"remove it from 'attributes' or 'image', or remove '{role}'",
        )
        for role, column in roles.items()
        if column is not None and (column in by_column or column in images)
    ]
    named = [column for column in roles.values() if column is not None]
    found += [
        Complaint(place="box", rule="two roles are two columns", found=repr(column), fix="remove 'weight' or 'box'")
        for column, count in Counter(named).items()
        if count > 1
    ]
    if not images:
        fix = 'write image: "image"'
        found.append(Complaint(place="image", rule="a schema names a column of pictures", found="none", fix=fix))
    found += [
        Complaint(place="image", rule="a column of pictures is named once", found=repr(column), fix="remove one")
        for column, count in Counter(images).items()
        if count > 1
    ]
    return found


def complaints_about(
    *,
    attributes: Sequence[Attribute],
    category: str | None,
    groups: Mapping[str, Sequence[str]],
    unknown: Sequence[str],
    not_applicable: Sequence[str],
    roles: Mapping[str, str | None],
    images: Sequence[str],
) -> list[Complaint]:
    """Everything that is wrong with the parts of a schema."""
    by_column = {a.column: a for a in attributes}
    found: list[Complaint] = []
    if not attributes:
        found.append(
            Complaint(
                place="attributes",
                rule="a schema has at least one attribute",
                found="none",
                fix="add one, or run `facetwise inspect` on the table",
            )
        )
    for what, values in (("column", [a.column for a in attributes]), ("id", [a.id for a in attributes])):
        found += [
            Complaint(
                place="attributes", rule=f"every {what} appears once", found=repr(value) + " twice", fix="remove one"
            )
            for value, count in Counter(values).items()
            if count > 1
        ]
    found += _about_names([a.column for a in attributes])
    for attribute in attributes:
        if not _ID.match(attribute.id):
            found.append(
                Complaint(
                    column=attribute.column,
                    rule="an id is a-z, 0-9 and _, and begins with a letter",
                    found=repr(attribute.id),
                    fix="write an id such as a07",
                )
            )
        found += _about_classes(attribute) + _about_parent(attribute, by_column) + _about_prompts(attribute, category)
    children = Counter(a.parent.column for a in attributes if a.parent is not None)
    found += [
        Complaint(
            column=name,
            rule="an attribute is the parent of at most one other",
            found=f"{count} children",
            fix="keep one 'parent'",
        )
        for name, count in children.items()
        if count > 1
    ]
    found += _about_category(category, by_column)
    found += _about_roles(roles, by_column, images)
    both = set(unknown) & set(not_applicable)
    found += [
        Complaint(
            place="unknown",
            rule="a text is unknown or not applicable, never both",
            found=repr(text),
            fix="remove it from one of the two lists",
        )
        for text in sorted(both)
    ]
    for name, columns in groups.items():
        found += [
            Complaint(
                place=f"groups.{name}",
                rule="a group lists attributes",
                found=repr(column),
                fix=nearest(column, by_column),
            )
            for column in columns
            if column not in by_column
        ]
    return found
