"""One number to select by: a metric, or a weighted sum of metrics, written as text.

    score  = term (("+" | "-") term)*           an optional sign before the first
    term   = [number "*"] path
    path   = word ("." word)*
    word   = letters, digits and _, or anything between backticks (a backtick inside is written twice)

A path is a preset, the name of an overall metric, `overall.…`, `attributes.COLUMN.…`, `categories.NAME.…`,
`groups.NAME.…`, or `COLUMN.…`. A first word in backticks is always a column. Higher is better for the whole score.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.metrics._evaluation import Evaluation
from facetwise.metrics._vocabulary import (
    ATTRIBUTE_METRICS,
    CATEGORY_METRICS,
    CLASS_METRICS,
    ERRORS,
    GROUP_METRICS,
    OVERALL_METRICS,
)
from facetwise.schema import Kind, Schema

__all__ = ["SCORE_PRESETS", "check_score", "score"]

SCORE_PRESETS = {
    "mean_macro_f1": ("overall", "mean_macro_f1"),
    "weighted_f1": ("overall", "mean_weighted_f1"),
    "nested_harmonic_mean": ("overall", "nested_harmonic_mean"),
}

_APPLICABILITY = ("cells", "accuracy", "f1_not_applicable", "f1_applicable")

_PLAIN = re.compile(r"[^\W\d]\w*")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<quoted>`(?:[^`]|``)+`)|(?P<word>[^\W\d]\w*)"
    r"|(?P<mark>[-+*.]))"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Term:
    weight: float
    path: tuple[str, ...]


def _complain(text: str, rule: str, found: str, fix: str) -> NoReturn:
    raise ConfigError([Complaint(place=f"score {text!r}", rule=rule, found=found, fix=fix)])


def _spelled(path: tuple[str, ...]) -> str:
    """A path as it is typed: backticks around everything that is not one plain word."""
    doubled = [word.replace("`", "``") for word in path]
    return ".".join(word if _PLAIN.fullmatch(word) else f"`{word}`" for word in doubled)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            _complain(
                text,
                "a score is a sum of metrics such as 'family.accuracy + 0.5 * order.accuracy'",
                repr(text[place:].strip()[:20]),
                "use names, numbers, +, - and *; put a name with spaces or signs in backticks",
            )
        kind = match.lastgroup or ""
        value = match[kind]
        tokens.append(_Token(kind, value[1:-1].replace("``", "`") if kind == "quoted" else value))
        place = match.end()
    return tokens


def _parse(text: str) -> list[tuple[float, list[_Token]]]:
    """Weights and words, not yet looked up."""
    left, terms = _tokens(text), []

    def here(kind: str, marks: str = "") -> bool:
        return bool(left) and left[0].kind == kind and (not marks or left[0].text in marks)

    def word() -> _Token:
        if not (here("word") or here("quoted")):
            found = repr(left[0].text) if left else "the end"
            _complain(text, "after a sign, a weight or a dot comes a name", found, "write a metric's name there")
        return left.pop(0)

    while left or not terms:
        weight = 1.0
        if here("mark", "+-"):
            weight = -1.0 if left.pop(0).text == "-" else 1.0
        elif terms:
            _complain(text, "terms are joined by + or -", repr(left[0].text), "write + or - before it")
        if here("number"):
            weight *= float(left.pop(0).text)
            if not here("mark", "*"):
                found = repr(left[0].text) if left else "the end"
                _complain(text, "a weight is followed by * and a metric", found, "write 0.5 * order.accuracy")
            left.pop(0)
        words = [word()]
        while here("mark", "."):
            left.pop(0)
            words.append(word())
        terms.append((weight, words))
    return terms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Everything that a path may name: columns with kind and classes, categories, groups."""

    text: str
    kinds: Mapping[str, Kind]
    classes: Mapping[str, Collection[str]]
    categories: Iterable[str]
    groups: Iterable[str]

    def choose(self, word: str, known: Iterable[str], what: str) -> None:
        names = list(known)
        if word not in names:
            _complain(self.text, f"{what} is one that there is", repr(word), nearest(word, names))

    def leaf(self, rest: list[str], known: Iterable[str], what: str) -> None:
        names = list(known)
        if len(rest) != 1:
            fix = f"end in one of: {', '.join(names)}"
            _complain(self.text, f"{what} is named by one word", repr(".".join(rest)) if rest else "the end", fix)
        self.choose(rest[0], names, what)

    def attribute(self, column: str, rest: list[str]) -> None:
        self.choose(column, self.kinds, "an attribute")
        kind = self.kinds[column]
        if rest[:1] == ["applicability"]:
            self.leaf(rest[1:], _APPLICABILITY, "a metric of applicability")
        elif rest[:1] == ["per_class"] and kind is not Kind.NUMERIC:
            if not self.classes[column]:
                fix = "evaluate with per_class=True, or score by a metric of the whole attribute"
                _complain(self.text, "a class is scored where classes were measured", "an evaluation without", fix)
            self.choose(rest[1] if len(rest) > 1 else "", self.classes[column], f"a class of {column!r}")
            told = (*CLASS_METRICS, "average_precision") if kind is Kind.MULTILABEL else CLASS_METRICS
            self.leaf(rest[2:], told, "a metric of a class")
        else:
            self.leaf(rest, ATTRIBUTE_METRICS[kind], f"a metric of the {kind} attribute {column!r}")

    def category(self, name: str, rest: list[str]) -> None:
        self.choose(name, self.categories, "a category")
        if rest[:1] == ["attributes"]:
            self.leaf(rest[1:], self.kinds, "an attribute")
        else:
            self.leaf(rest, CATEGORY_METRICS, "a metric of a category")

    def group(self, name: str, rest: list[str]) -> None:
        self.choose(name, self.groups, "a group")
        self.leaf(rest, GROUP_METRICS, "a metric of a group")

    def path(self, tokens: list[_Token]) -> tuple[str, ...]:
        """The full path of some words, checked."""
        words = [token.text for token in tokens]
        first, rest = words[0], words[1:]
        if tokens[0].kind == "quoted":
            self.attribute(first, rest)
            return ("attributes", *words)
        if not rest and first not in self.kinds:
            self.choose(first, (*SCORE_PRESETS, *OVERALL_METRICS), "a metric")
            return SCORE_PRESETS.get(first, ("overall", first))
        if not rest and first in OVERALL_METRICS:
            return ("overall", first)
        roots = {"attributes": self.attribute, "categories": self.category, "groups": self.group}
        if first == "overall":
            self.leaf(rest, OVERALL_METRICS, "an overall metric")
            return tuple(words)
        if first in roots and rest:
            roots[first](rest[0], rest[1:])
            return tuple(words)
        self.choose(first, (*self.kinds, "overall", *roots), "the first word of a path")
        self.attribute(first, rest)
        return ("attributes", *words)

    def terms(self) -> list[_Term]:
        """The score, looked up term by term."""
        found = [_Term(weight, self.path(words)) for weight, words in _parse(self.text)]
        for term in found:
            if term.path[-1] in ERRORS and term.path[0] != "categories" and term.weight > 0:
                _complain(
                    self.text,
                    "higher is better for the whole score, so an error is subtracted",
                    f"{_spelled(term.path)} added",
                    f"write - {term.weight:g} * {_spelled(term.path)}",
                )
        return found


def check_score(schema: Schema, text: str) -> None:
    """Check a score before there is anything to score.

    Raises:
        ConfigError: It does not read as a score, or names something that the schema does not have.

    >>> from facetwise.schema import Attribute
    >>> colour = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "blue"))
    >>> check_score(Schema(images=("image",), attributes=(colour,)), "colour.accuracy + 0.5 * colour.macro_f1")
    """
    category = schema.category_attribute
    _Names(
        text=text,
        kinds={attribute.column: attribute.kind for attribute in schema.attributes},
        classes={attribute.column: attribute.classes for attribute in schema.attributes},
        categories=() if category is None else category.classes,
        groups=schema.groups,
    ).terms()


def score(evaluation: Evaluation, name: str = "mean_macro_f1") -> float | None:
    """The value of a score: higher is better; None where one of its metrics has no labels.

    Args:
        evaluation: What was measured.
        name: A preset, a metric's path, or a weighted sum of paths.

    Raises:
        ConfigError: It does not read as a score, or names something that was not measured.
    """
    names = _Names(
        text=name,
        kinds={column: metrics.kind for column, metrics in evaluation.attributes.items()},
        classes={column: metrics.per_class or () for column, metrics in evaluation.attributes.items()},
        categories=evaluation.categories,
        groups=evaluation.groups,
    )
    total = 0.0
    for term in names.terms():
        value: Any = evaluation.attributes if term.path[0] == "attributes" else getattr(evaluation, term.path[0])
        for word in term.path[1:]:
            if value is not None:
                value = value.get(word) if isinstance(value, dict) else getattr(value, word)
        if value is None:
            return None
        total += term.weight * value
    return total
