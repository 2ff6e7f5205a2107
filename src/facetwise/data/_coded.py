"""A column by its different texts: a million cells are seldom a million texts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Coded", "Numbering", "code_texts", "recoded", "unwritable"]

# A NUL ends a text for many programs; half a surrogate pair cannot be written as UTF-8 at all.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column by its different texts, so that every rule looks at each text once.

    Args:
        values: The different texts, sorted.
        codes: (row,) int32: place of each row's text in `values`.
        counts: (value,) int64: rows per text; none is 0.
    """

    values: tuple[str, ...]
    codes: np.ndarray
    counts: np.ndarray

    def among(self, texts: Iterable[str]) -> np.ndarray:
        """(row,) bool: whether the row's text is one of some texts."""
        wanted = set(texts)
        return np.array([value in wanted for value in self.values], dtype=bool)[self.codes]

    def texts(self) -> np.ndarray:
        """(row,) object array of str."""
        values = np.empty(len(self.values), dtype=object)
        values[:] = self.values
        return values[self.codes]

    def take(self, rows: np.ndarray) -> "Coded":
        """The column of some rows, by 0-based place or by mask; texts that are left without a row go."""
        codes = self.codes[rows]
        counts = np.bincount(codes, minlength=len(self.values))
        kept = np.flatnonzero(counts)
        if len(kept) == len(self.values):
            return Coded(values=self.values, codes=codes, counts=counts)
        place = np.cumsum(counts > 0, dtype=np.int32) - np.int32(1)
        return Coded(values=tuple(self.values[one] for one in kept), codes=place[codes], counts=counts[kept])


class Numbering(dict[str, int]):
    """Texts to numbers in the order of their first sight.

    >>> numbering = Numbering()
    >>> [numbering[text] for text in ("red", "blue", "red")]
    [0, 1, 0]
    """

    def __missing__(self, text: str) -> int:
        """A text that is new gets the next number."""
        self[text] = number = len(self)
        return number

    def coded(self, numbers: np.ndarray) -> Coded:
        """The column whose cells have these numbers, without blanks around its texts."""
        return recoded(list(self), numbers)


def recoded(texts: Sequence[str], numbers: np.ndarray) -> Coded:
    """The column whose cells have these numbers among some texts, each of which occurs, without blanks around them.

    >>> recoded([" red", "blue", "red"], np.array([0, 1, 2, 1])).codes.tolist()
    [1, 0, 1, 0]
    """
    stripped = [text.strip() for text in texts]
    if len(set(stripped)) == len(stripped):  # as nearly always: a million names are not looked up once more
        order = sorted(range(len(stripped)), key=stripped.__getitem__)
        places = np.empty(len(order), dtype=np.int32)
        places[order] = np.arange(len(order), dtype=np.int32)
        values = tuple(map(stripped.__getitem__, order))
    else:
        values = tuple(sorted(set(stripped)))
        place = {value: code for code, value in enumerate(values)}
        places = np.fromiter((place[text] for text in stripped), dtype=np.int32, count=len(stripped))
    codes = places[numbers]
    return Coded(values=values, codes=codes, counts=np.bincount(codes, minlength=len(values)))


def code_texts(texts: Iterable[str]) -> Coded:
    """Code a column; blanks around cells are removed.

    >>> coded = code_texts(["red", "", " red"])
    >>> coded.values, coded.codes.tolist(), coded.counts.tolist()
    (('', 'red'), [1, 0, 1], [1, 2])
    """
    numbering = Numbering()
    return numbering.coded(np.fromiter((numbering[text] for text in texts), dtype=np.int32))


def unwritable(text: str) -> bool:
    """Whether a text holds a NUL or half a surrogate pair.

    >>> unwritable("red"), unwritable(chr(0))
    (False, True)
    """
    return _UNWRITABLE.search(text) is not None
