"""What a split is stratified by: every value of every attribute, counted per group of rows."""

import numpy as np

from facetwise.data._coded import Coded
from facetwise.data._readings import Inference
from facetwise.data._spelling import parse_number, pieces
from facetwise.data._table import Table
from facetwise.schema import Kind, Schema

__all__ = ["strata"]

# Values in fewer rows cannot be shared out over three sides, and would draw odd rows into training.
_FEWEST_ROWS = 5
# Numbers are stratified by fifths.
_NUMBER_BINS = 5

_Pairs = tuple[np.ndarray, np.ndarray]


def _numbers(coded: Coded, silent: set[str]) -> _Pairs:
    parsed = [None if text in silent else parse_number(text) for text in coded.values]
    numbers = np.array([np.nan if number is None else number for number in parsed])[coded.codes]
    rows = np.flatnonzero(~np.isnan(numbers))
    if not len(rows):
        return rows, rows
    edges = np.quantile(numbers[rows], np.linspace(0, 1, _NUMBER_BINS + 1)[1:-1])
    return rows, np.searchsorted(edges, numbers[rows], side="right")


def _several(coded: Coded, silent: set[str], separator: str) -> _Pairs:
    split = [() if text in silent else pieces(text, separator) for text in coded.values]
    place = {name: number for number, name in enumerate(sorted({name for parts in split for name in parts}))}
    flat = np.array([place[name] for parts in split for name in parts], dtype=np.int64)
    lengths = np.array([len(parts) for parts in split], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    own = lengths[coded.codes]
    rows = np.repeat(np.arange(len(own)), own)
    inside = np.arange(len(rows)) - np.repeat(np.cumsum(own) - own, own)
    return rows, flat[np.repeat(starts[coded.codes], own) + inside]


def _one(coded: Coded, silent: set[str]) -> _Pairs:
    keep = np.array([text not in silent for text in coded.values], dtype=bool)
    rows = np.flatnonzero(keep[coded.codes])
    return rows, coded.codes[rows].astype(np.int64)


def strata(
    table: Table, structure: Inference | Schema, member: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], int]:
    """How many rows of each group carry each value.

    Args:
        table: Some rows.
        structure: Its attributes and the texts that are no values.
        member: (row,) number of the row's group.

    Returns:
        Three arrays (group, value, rows), and how many values there are. Values are numbered by column name and text,
        so that neither the order of columns nor that of rows matters.
    """
    silent = set(structure.unknown) | set(structure.not_applicable)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    num_values = 0
    for attribute in sorted(structure.attributes, key=lambda item: item.column):
        if attribute.column not in table.cells:
            continue
        coded = table.coded(attribute.column)
        if attribute.kind is Kind.NUMERIC:
            rows, values = _numbers(coded, silent)
        elif attribute.kind is Kind.MULTILABEL:
            rows, values = _several(coded, silent, attribute.separator)
        else:
            rows, values = _one(coded, silent)
        often = np.bincount(values) >= _FEWEST_ROWS
        chosen = often[values]
        # Attribute by attribute: the cells of a whole table at once are many times as many as its pairs.
        own = int(often.sum())
        both, counts = np.unique(
            member[rows[chosen]] * own + (np.cumsum(often) - 1)[values[chosen]], return_counts=True
        )
        found.append((both // max(1, own), both % max(1, own) + num_values, counts.astype(np.float64)))
        num_values += own
    if not num_values:
        nothing = np.empty(0, dtype=np.int64)
        return (nothing, nothing, np.empty(0)), 0
    groups, values, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return (groups, values, counts), num_values
