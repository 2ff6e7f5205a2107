"""A rule between attributes: where some have certain classes, another has one of certain classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facetwise.errors import Complaint, nearest
from facetwise.schema._attribute import Attribute, Kind

__all__ = ["Rule", "about_rules", "rule_from_dict", "rule_to_dict"]

_KINDS = (Kind.CATEGORICAL, Kind.BINARY, Kind.ORDINAL)
_FORM = 'write {if: {"articleType": ["Watches"]}, then: {"gender": ["Men", "Women"]}}, or never: in place of then:'


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where every attribute of `given` has one of its classes, `column` has one of `classes` (or, `never`, none).

    It says nothing about a row in which one of these cells has no value.

    Args:
        given: (column, classes) pairs that must all hold.
        column: The attribute that the rule is about.
        classes: Its classes.
        never: Whether these are excluded instead of demanded.
    """

    given: tuple[tuple[str, tuple[str, ...]], ...]
    column: str
    classes: tuple[str, ...]
    never: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every attribute that it names."""
        return (*(column for column, _ in self.given), self.column)

    def __str__(self) -> str:
        """In words.

        >>> print(Rule(given=(("fruit", ("apple",)),), column="colour", classes=("blue",), never=True))
        fruit apple → never colour blue
        """
        some = " and ".join(f"{column} {' or '.join(classes)}" for column, classes in self.given)
        return f"{some} → {'never ' if self.never else ''}{self.column} {' or '.join(self.classes)}"


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Plain data in the order of the file format."""
    return {
        "if": {column: list(classes) for column, classes in rule.given},
        "never" if rule.never else "then": {rule.column: list(rule.classes)},
    }


def _classes(value: Any) -> tuple[str, ...] | None:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
        return None
    return tuple(values)


def rule_from_dict(data: Any) -> Rule | str:
    """The inverse of `rule_to_dict`; what to write, where the data are no rule."""
    if not isinstance(data, dict) or not isinstance(data.get("if"), dict) or not data["if"]:
        return _FORM
    ends = [key for key in ("then", "never") if key in data]
    if len(ends) != 1 or set(data) != {"if", *ends} or not isinstance(data[ends[0]], dict) or len(data[ends[0]]) != 1:
        return _FORM
    given = {column: _classes(value) for column, value in data["if"].items()}
    column, value = next(iter(data[ends[0]].items()))
    classes = _classes(value)
    if classes is None or not isinstance(column, str) or None in given.values() or not all(
        isinstance(one, str) for one in given
    ):  # fmt: skip
        return f"put labels in quotes; {_FORM}"
    return Rule(
        given=tuple((name, found or ()) for name, found in given.items()),
        column=column,
        classes=classes,
        never=ends[0] == "never",
    )


def about_rules(rules: Sequence[Rule], by_column: Mapping[str, Attribute]) -> list[Complaint]:
    """What is wrong with the rules of a schema."""
    found: list[Complaint] = []
    for number, rule in enumerate(rules):
        place = f"rules[{number}]"
        for column, classes in (*rule.given, (rule.column, rule.classes)):
            attribute = by_column.get(column)
            if attribute is None:
                fix = nearest(column, by_column)
                found.append(Complaint(place=place, rule="a rule is about attributes", found=repr(column), fix=fix))
                continue
            if attribute.kind not in _KINDS:
                about = "a rule is about attributes with one class per item"
                fix = "leave the rule out"
                found.append(Complaint(place=place, column=column, rule=about, found=f"{attribute.kind}", fix=fix))
                continue
            found += [
                Complaint(place=place, column=column, rule="a rule names classes of the attribute", found=repr(name),
                          fix=nearest(name, attribute.classes))
                for name in classes
                if name not in attribute.classes
            ]  # fmt: skip
        if rule.column in (column for column, _ in rule.given):
            about, fix = "a rule is about different attributes", "name another one, or leave the rule out"
            found.append(Complaint(place=place, rule=about, found=f"{rule.column!r} on both sides", fix=fix))
    return found
