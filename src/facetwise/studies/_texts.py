"""Cells whose text is no class and no number, or looks like a slip of the pen."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches

import numpy as np

from facetwise.data import ClassFinder, Table, pieces
from facetwise.schema import UNKNOWN, Attribute, Kind, Labels, Schema, Transform
from facetwise.studies._findings import Finding

__all__ = ["Spellings", "mended_cell", "spellings_of", "text_findings"]

# Two words are one, misspelt, from this likeness on, if one is at least as many times as frequent as the other and
# both have some letters: "Blue" and "Black" are 0.44 alike, "Round Neck" and "Roun Neck" 0.95.
ALIKE, TIMES, LETTERS = 0.9, 10, 5
# Classes of one attribute that are compared with each other at most.
MOST_CLASSES = 2000
# What a slip of the pen is worth. A class outside of the schema has no such number: someone has written it on purpose,
# and that it is rare says nothing about it.
MISSPELT = 0.9

# Column → a text, or a piece of a cell of several classes, that is no class or rather another one → that one; "" where
# nothing is near.
Spellings = Mapping[str, Mapping[str, str]]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _slips(counts: Counter[str]) -> dict[str, str]:
    """Rare spellings → the frequent one that they probably mean."""
    names = [name for name, _ in counts.most_common(MOST_CLASSES)]
    found: dict[str, str] = {}
    for place, rare in enumerate(names):
        plain, digits = _plain(rare), re.findall(r"\d+", rare)
        for often in names[:place]:
            if often in found or counts[often] < TIMES * counts[rare]:
                continue
            other = _plain(often)
            if abs(len(plain) - len(other)) > 2 or re.findall(r"\d+", often) != digits:
                continue
            same = plain == other
            if not same and (min(len(plain), len(other)) < LETTERS or plain.split() == other.split()):
                continue
            if same or SequenceMatcher(None, plain, other, autojunk=False).ratio() >= ALIKE:
                found[rare] = often
                break
    return found


def _pieces(text: str, attribute: Attribute) -> tuple[str, ...]:
    """The classes that a cell names: several, or the one that is all of its text."""
    return pieces(text, attribute.separator) if attribute.kind is Kind.MULTILABEL else (text,)


def _counts(schema: Schema, table: Table, attribute: Attribute) -> Counter[str]:
    """Cells per text, or per piece of a cell of several classes; without those that say that there is nothing."""
    coded, counts = table.coded(attribute.column), Counter[str]()
    for text, count in zip(coded.values, coded.counts.tolist(), strict=True):
        if text in schema.unknown or text in schema.not_applicable:
            continue
        for piece in _pieces(text, attribute):
            counts[piece] += count
    return counts


def spellings_of(schema: Schema, table: Table) -> dict[str, dict[str, str]]:
    """What every odd text of a table probably means; see `Spellings`.

    Args:
        schema: The vocabulary.
        table: The rows.
    """
    found: dict[str, dict[str, str]] = {}
    for attribute in schema.attributes:
        if attribute.kind is Kind.NUMERIC or attribute.column not in table.cells:
            continue
        counts, finder = _counts(schema, table, attribute), ClassFinder.of(attribute.classes, attribute.kind)
        outside = {
            text: next(iter(get_close_matches(text, attribute.classes, 1, 0.8)), "")
            for text in counts
            if finder.place(text) < 0
        }
        found[attribute.column] = outside | _slips(counts)
    return found


def mended_cell(cell: str, meant: Mapping[str, str], separator: str) -> str:
    """A cell of several classes with its odd pieces replaced by what they mean, where that is known; each once.

    >>> mended_cell("boxed; saeled;zinc", {"saeled": "sealed", "zinc": ""}, ";"), mended_cell("boxed", {}, ";")
    ('boxed;sealed;zinc', 'boxed')
    """
    whole = pieces(cell, separator)
    if not any(meant.get(piece) for piece in whole):
        return cell
    return separator.join(dict.fromkeys(meant.get(piece) or piece for piece in whole))


def _why(text: str, counts: Counter[str], new: str) -> str:
    times = f"{counts[text]:,} times" if counts[text] > 1 else "once"
    return f"{text!r} {times}" + (f", {new!r} {counts[new]:,} times" if new else "")


def text_findings(
    schema: Schema, table: Table, images: Sequence[str], labels: Labels, spellings: Spellings
) -> list[Finding]:
    """Texts that are no class or no number, and classes that look like a misspelt other one.

    Args:
        schema: The vocabulary.
        table: The rows.
        images: Their pictures.
        labels: Their labels.
        spellings: From `spellings_of`.
    """
    found: list[Finding] = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.column not in table.cells:
            continue
        column, coded = attribute.column, table.coded(attribute.column)
        silent = coded.among(schema.unknown) | coded.among(schema.not_applicable)
        odd: dict[str, tuple[str, str, str]] = {}
        if attribute.kind is Kind.NUMERIC:
            rule = "no number above 0" if attribute.transform is Transform.LOG else "no number"
            for code in np.unique(coded.codes[(labels.state[:, place] == UNKNOWN) & ~silent]):
                odd[coded.values[code]] = ("number", "", f"{coded.values[code]!r} is {rule}")
        else:
            counts, meant = _counts(schema, table, attribute), spellings[column]
            for text in (coded.values[code] for code in np.unique(coded.codes[~silent])):
                strange = [piece for piece in _pieces(text, attribute) if piece in meant]
                if strange:
                    new = meant.get(text, "")
                    if attribute.kind is Kind.MULTILABEL and any(meant[one] for one in strange):
                        new = mended_cell(text, meant, attribute.separator)
                    why = "; ".join(_why(piece, counts, meant[piece]) for piece in strange)
                    odd[text] = ("spelling" if new else "vocabulary", new, why)
        for row in np.flatnonzero(coded.among(odd)).tolist():
            text = coded.values[coded.codes[row]]
            kind, new, why = odd[text]
            found.append(
                Finding(
                    kind=kind, row=int(table.places[row]), image=images[row], attribute=column, old=text, new=new,
                    chance=None if kind == "vocabulary" else MISSPELT, why=why,
                )
            )  # fmt: skip
    return found
