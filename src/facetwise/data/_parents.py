"""Hierarchy, mined: a coarser attribute that every class of a finer one belongs to, without a single exception."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.schema import Parent

__all__ = ["CodedAttribute", "find_parents"]

# Odds that chance alone puts all rows of every class under one parent: one in a million.
_BEYOND_CHANCE = np.log(1e-6)
# A finer attribute that is mostly empty is no finer name of the coarser one.
_CHILD_KNOWN = 0.5
# Contradicted by fewer rows than this, a hierarchy was probably meant, and the user should hear of it.
_NEARLY_ALWAYS = 0.99
_BEYOND_MOST_FREQUENT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedAttribute:
    """A categorical attribute on the training rows.

    Args:
        column: Its column.
        classes: Its classes.
        index: (row,) place of the class, -1 where it is not known.
        empty: (row,) bool: the cell says nothing at all.
    """

    column: str
    classes: tuple[str, ...]
    index: np.ndarray
    empty: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    child: CodedAttribute
    parent: CodedAttribute
    of: np.ndarray  # (child class,) place of the parent's class


def _compare(child: CodedAttribute, parent: CodedAttribute, numbers: np.ndarray) -> _Pair | Notice | None:
    known, above = child.index >= 0, parent.index >= 0
    # An empty parent cell follows from the child; a text that is no class of the parent contradicts.
    if (known & ~above & ~parent.empty).any() or known.sum() < _CHILD_KNOWN * above.sum():
        return None
    known &= above
    own, above_own = child.index[known].astype(np.int64), parent.index[known].astype(np.int64)
    # Only pairs that occur: two columns of a hundred thousand classes have ten billion that do not.
    pairs, counts = np.unique(own * len(parent.classes) + above_own, return_counts=True)
    of_child, of_parent = pairs // len(parent.classes), pairs % len(parent.classes)
    # Per child class its most frequent parent, of equally frequent ones the first.
    order = np.lexsort((of_parent, -counts, of_child))
    first = order[np.flatnonzero(np.diff(of_child[order], prepend=-1))]
    if len(first) < len(child.classes):
        return None
    of = of_parent[first]
    agree = int(counts[first].sum())
    if len(np.unique(of)) == len(of) or len(np.unique(of)) < 2:
        return None
    total = int(counts.sum())
    share = np.bincount(above_own, minlength=len(parent.classes)) / total
    rows = np.bincount(own, minlength=len(child.classes))
    # Child classes with equally many rows have equal odds.
    sizes, how_many = np.unique(rows, return_counts=True)
    odds = [np.log(max((share**size).sum(), 1e-300)) for size in sizes]
    by_chance = float(np.dot(odds, how_many))
    if by_chance > _BEYOND_CHANCE:
        return None
    if agree < total:
        # What the most frequent class of the parent would agree with anyway is no sign of a hierarchy.
        anyway = total * share.max()
        if agree < _NEARLY_ALWAYS * total or agree - anyway < _BEYOND_MOST_FREQUENT * (total - anyway):
            return None
        against = np.flatnonzero(known)[parent.index[known] != of[child.index[known]]]
        first = against[0]
        message = (
            f"{parent.column!r} is no parent of it, because {len(against)} of {total:,} training rows contradict: "
            f"{child.classes[child.index[first]]!r} is {parent.classes[of[child.index[first]]]!r} elsewhere and "
            f"{parent.classes[parent.index[first]]!r} here. Correct the cells if they are slips."
        )
        return Notice(
            code="no-parent", message=message, column=child.column, rows=tuple(numbers[against[:ROWS_SHOWN]].tolist())
        )
    return _Pair(child=child, parent=parent, of=of)


def find_parents(attributes: list[CodedAttribute], numbers: np.ndarray) -> tuple[Mapping[str, Parent], list[Notice]]:
    """The nearest parent of each attribute, at most one child for each parent.

    A parent has fewer classes and holds two classes of the child at least once; every class of the child is seen with
    it, and where the child is known, the parent is known or just empty (then it follows). Of several the one with the
    most classes is nearest; of several children the one that is known in most rows, then the one with the most
    classes, is taken.

    Args:
        attributes: Categorical attributes that apply to every item.
        numbers: (row,) 1-based row numbers, for notices.

    >>> fine = CodedAttribute(column="fine", classes=tuple("abcd"), index=np.arange(40) % 4, empty=np.zeros(40, bool))
    >>> coarse = CodedAttribute(column="coarse", classes=("x", "y"), index=np.arange(40) % 2, empty=np.zeros(40, bool))
    >>> find_parents([fine, coarse], np.arange(40))[0]["fine"].of
    {'a': 'x', 'b': 'y', 'c': 'x', 'd': 'y'}
    """
    pairs: list[_Pair] = []
    contradicted: list[tuple[int, Notice]] = []
    for child in attributes:
        for parent in attributes:
            if 2 <= len(parent.classes) < len(child.classes):
                found = _compare(child, parent, numbers)
                if isinstance(found, Notice):
                    contradicted.append((len(parent.classes), found))
                elif found is not None:
                    pairs.append(found)
    pairs.sort(
        key=lambda pair: (
            -len(pair.parent.classes),
            pair.parent.column,
            -int((pair.child.index >= 0).sum()),
            -len(pair.child.classes),
            pair.child.column,
        )
    )
    parents: dict[str, Parent] = {}
    taken: dict[str, int] = {}
    for pair in pairs:
        child, parent = pair.child, pair.parent
        if child.column in parents or parent.column in taken:
            continue
        lone = parent.index[(parent.index >= 0) & (child.index < 0)]
        parents[child.column] = Parent(
            column=parent.column,
            of={name: parent.classes[place] for name, place in zip(child.classes, pair.of, strict=True)},
            alone=tuple(parent.classes[place] for place in np.unique(lone)),
        )
        taken[parent.column] = len(parent.classes)
    near = {name: len(next(a.classes for a in attributes if a.column == p.column)) for name, p in parents.items()}
    # A contradicted hierarchy is only news where no nearer one was found.
    notices = [notice for size, notice in contradicted if size > near.get(notice.column or "", 0)]
    return parents, notices
