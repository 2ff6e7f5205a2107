"""A column's texts against an attribute's classes: one small table per column, then one look-up per row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.data._coded import Coded
from facetwise.data._spelling import class_order, meaning, pieces, yes_or_no
from facetwise.schema import Attribute, Kind

__all__ = ["ClassFinder", "class_places", "count_classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFinder:
    """Finds the class of a text: as it is spelled, else by what means the same ("1.0" for "1", "yes" for "Yes").

    >>> finder = ClassFinder.of(("no", "yes"), Kind.BINARY)
    >>> finder.place("YES"), finder.place("true"), finder.place("perhaps")
    (1, 1, -1)
    """

    exact: Mapping[str, int]
    same: Mapping[str, int]
    binary: bool
    yes_no: bool = False

    @classmethod
    def of(cls, classes: Sequence[str], kind: Kind) -> "ClassFinder":
        """A finder over classes in order."""
        binary = kind is Kind.BINARY
        same: dict[str, int] = {}
        for place, name in enumerate(classes):
            key = meaning(name, binary=binary)
            # Two declared classes that mean the same are told apart by their spelling alone.
            same[key] = -1 if key in same else place
        # "true" is yes where the two classes are spellings of no and yes, whatever they are spelled here.
        words = [yes_or_no(name) for name in classes] if binary else []
        if set(words) == {"no", "yes"}:
            same |= {str(word): place for place, word in enumerate(words)}
            return cls(exact={name: place for place, name in enumerate(classes)}, same=same, binary=True, yes_no=True)
        return cls(exact={name: place for place, name in enumerate(classes)}, same=same, binary=binary)

    def place(self, text: str) -> int:
        """Place of the text's class, -1 where it has none."""
        found = self.exact.get(text)
        if found is not None:
            return found
        word = yes_or_no(text) if self.yes_no else None
        return self.same.get(word or meaning(text, binary=self.binary), -1)


def class_places(attribute: Attribute, coded: Coded, silent: frozenset[str]) -> np.ndarray:
    """(row,) int64: place of each row's class, -1 where it has none or its text is no value."""
    finder = ClassFinder.of(attribute.classes, attribute.kind)
    places = [-1 if text in silent else finder.place(text) for text in coded.values]
    return np.array(places, dtype=np.int64)[coded.codes]


def count_classes(
    coded: Coded, counts: np.ndarray, kind: Kind, *, separator: str, silent: frozenset[str]
) -> dict[str, int]:
    """Rows per class, in class order; texts that mean the same are one class, spelled as most rows spell it.

    Args:
        coded: The column.
        counts: (value,) rows per text, of the rows that count.
        kind: The attribute's kind, not numeric.
        separator: Between the classes of a multilabel cell.
        silent: Texts that are no values.
    """
    spelled: dict[str, dict[str, int]] = {}
    binary = kind is Kind.BINARY
    for text, count in zip(coded.values, counts.tolist(), strict=True):
        if not count or text in silent:
            continue
        for name in pieces(text, separator) if kind is Kind.MULTILABEL else (text,):
            key = (yes_or_no(name) if binary else None) or meaning(name, binary=binary)
            rows = spelled.setdefault(key, {})
            rows[name] = rows.get(name, 0) + count
    found = {min(rows, key=lambda name: (-rows[name], name)): sum(rows.values()) for rows in spelled.values()}
    return {name: found[name] for name in class_order(found)}
