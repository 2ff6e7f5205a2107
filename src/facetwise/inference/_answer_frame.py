"""Answers as columns: each text is looked up in a table of its own, so that no cell costs a line of Python."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from facetwise.decisions import STATE_NAMES, Rows
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind

if TYPE_CHECKING:
    import polars as pl

__all__ = ["answer_frame", "class_sets"]

_GIVEN = ("known", "contradicted")


def class_sets(chosen: np.ndarray, classes: Sequence[str], separator: str) -> tuple[list[str], np.ndarray]:
    """The different sets of classes as texts, and the place of each item's in them.

    Args:
        chosen: (item, class) bool.
        classes: Names.
        separator: What stands between them.

    >>> texts, codes = class_sets(np.array([[1, 1], [0, 0], [1, 1]], bool), ("new", "old"), "|")
    >>> [texts[code] for code in codes]
    ['new|old', '', 'new|old']
    """
    if not len(chosen):
        return [], np.empty(0, dtype=np.int64)
    packed = np.packbits(chosen, axis=1)
    _, first, codes = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return [separator.join(classes[c] for c in np.flatnonzero(chosen[item])) for item in first], codes.ravel()


class _Columns:
    """Columns of one row per image, while they are put together."""

    def __init__(self, rows: Rows, spell: Callable[[str], str]) -> None:
        self.rows, self.spell = rows, spell
        self.readable = np.flatnonzero(rows.items >= 0)
        self.items = rows.items[self.readable]
        self.found: dict[str, pl.Series] = {}

    def texts(self, name: str, table: Sequence[str], codes: np.ndarray) -> None:
        """A column of texts of a table by their places, one per readable image; -1 for none."""
        import polars as pl

        places = np.full(len(self.rows), len(table), dtype=np.int64)
        places[self.readable] = np.where(codes < 0, len(table), codes)
        if (places == len(table)).all():  # a column of nothing has no type
            self.found[name] = pl.Series(name, [None] * len(places))
            return
        spelled = pl.Series(name, [*map(self.spell, table), None], dtype=pl.String)
        self.found[name] = spelled.gather(places)

    def numbers(self, name: str, numbers: np.ndarray, known: np.ndarray) -> None:
        """A column of numbers, one per readable image; nothing where they are not known."""
        import polars as pl

        whole, there = np.zeros(len(self.rows)), np.zeros(len(self.rows), dtype=bool)
        whole[self.readable], there[self.readable] = numbers, known
        self.found[name] = pl.Series(name, whole).set(pl.Series(~there), None)

    def values(self, place: int, state: np.ndarray) -> None:
        """What fills the cells of an attribute."""
        rows, attribute = self.rows, self.rows.schema.attributes[place]
        name, valued = attribute.column, state == VALUE
        if attribute.kind is Kind.NUMERIC and valued.any():
            self.numbers(name, rows.decisions.number[self.items, place], valued)
        elif attribute.kind is Kind.MULTILABEL:
            own = rows.decisions.members[self.items, rows.schema.layout().blocks[place].scores] != 0
            self.sets(name, own, place, "|", valued)
        else:
            self.texts(name, attribute.classes, np.where(valued, rows.decisions.index[self.items, place], -1))

    def sets(self, name: str, chosen: np.ndarray, place: int, separator: str, told: np.ndarray) -> None:
        """A column of several classes a cell."""
        table, found = class_sets(chosen[told], self.rows.schema.attributes[place].classes, separator)
        codes = np.full(len(told), -1, dtype=np.int64)
        codes[told] = found
        self.texts(name, table, codes)

    def extras(self, place: int, tails: Sequence[str], state: np.ndarray) -> None:
        """What else is told of an attribute, in columns of their own."""
        rows, name, applies = self.rows, self.rows.schema.attributes[place].column, state != NOT_APPLICABLE
        for tail in tails:
            if tail == "set":
                self.sets(f"{name}:{tail}", rows.sets[place][self.items], place, "|", applies)
            elif tail == "given":
                assert rows.given is not None
                against = np.zeros_like(rows.given) if rows.contradicted is None else rows.contradicted
                known = rows.given[self.items, place]
                self.texts(f"{name}:{tail}", _GIVEN, np.where(known, against[self.items, place].astype(np.int64), -1))
            else:
                within = rows.ranges[place][self.items]
                known = applies & np.isfinite(within).all(axis=1)
                self.numbers(f"{name}:{tail}", within[:, int(tail == "high")], known)


def answer_frame(
    rows: Rows, extras: Mapping[str, Sequence[str]], *, spell: Callable[[str], str] = str
) -> "pl.DataFrame":
    """Image and issue, then per attribute value, state, confidence and its extras; several classes joined by `|`.

    Args:
        rows: The answers.
        extras: By column what else is told.
        spell: Changes texts, the names of columns not.
    """
    import polars as pl

    columns = _Columns(rows, spell)
    for name, texts in (("image", rows.images), ("issue", rows.issues)):
        columns.found[name] = pl.Series(name, [None if text is None else spell(text) for text in texts])
    codes = {state: place for place, state in enumerate(STATE_NAMES)}
    for place, attribute in enumerate(rows.schema.attributes):
        state = rows.decisions.state[columns.items, place]
        sure = rows.decisions.confidence[columns.items, place]
        columns.values(place, state)
        named = np.select([state == one for one in codes], list(codes.values()))
        columns.texts(f"{attribute.column}:state", list(STATE_NAMES.values()), named)
        columns.numbers(f"{attribute.column}:confidence", sure, ~np.isnan(sure))
        columns.extras(place, extras.get(attribute.column, ()), state)
    return pl.DataFrame(columns.found)
