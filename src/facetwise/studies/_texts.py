"""Cells whose text is no class, or looks like a slip of the pen."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches

import numpy as np

from facetwise.data import Table
from facetwise.schema import UNKNOWN, Kind, Labels, Schema
from facetwise.studies._findings import Finding

__all__ = ["text_findings"]

# Two words are one, misspelt, from this likeness on, if one is at least as many times as frequent as the other and
# both have some letters: "Blue" and "Black" are 0.44 alike, "Round Neck" and "Roun Neck" 0.95.
ALIKE, TIMES, LETTERS = 0.9, 10, 5
# Classes of one attribute that are compared with each other at most.
MOST_CLASSES = 2000
# What a class outside of the schema is worth: someone has written it on purpose.
OUTSIDE, MISSPELT = 0.5, 0.9


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


def text_findings(schema: Schema, table: Table, images: Sequence[str], labels: Labels) -> list[Finding]:
    """Texts that are no class, and classes that look like a misspelt other one.

    Args:
        schema: The vocabulary.
        table: The rows.
        images: Their pictures.
        labels: Their labels.
    """
    found: list[Finding] = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind in (Kind.NUMERIC, Kind.MULTILABEL) or attribute.column not in table.cells:
            continue
        texts, coded = table.column(attribute.column), table.coded(attribute.column)
        silent = coded.among(schema.unknown) | coded.among(schema.not_applicable)
        outside = (labels.state[:, place] == UNKNOWN) & ~silent
        counts = Counter({v: int(n) for v, n in zip(coded.values, coded.counts, strict=True)})
        for text in (*schema.unknown, *schema.not_applicable):
            counts.pop(text, None)
        slips = _slips(counts)
        for row in np.flatnonzero(outside | coded.among(slips)).tolist():
            text = str(texts[row])
            new = slips.get(text) or next(iter(get_close_matches(text, attribute.classes, 1, 0.8)), "")
            kind = "spelling" if new else "vocabulary"
            times = f"{counts[text]:,} times" if counts[text] > 1 else "once"
            why = f"{text!r} {times}" + (f", {new!r} {counts[new]:,} times" if new else "")
            found.append(
                Finding(
                    kind=kind, row=int(table.places[row]), image=images[row], attribute=attribute.column, old=text,
                    new=new, chance=MISSPELT if new else OUTSIDE, why=why,
                )
            )  # fmt: skip
    return found
