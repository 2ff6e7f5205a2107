"""The columns that are no attributes: pictures, the table's own split, and what must stay together."""

import re
from pathlib import Path

import numpy as np

from facetwise.data._columns import ColumnFacts
from facetwise.data._listed import listed
from facetwise.data._paths import folder_index, locate
from facetwise.data._readings import ColumnReading, Role, quoted
from facetwise.data._remote import RemoteFolder
from facetwise.data._sides import SIDES, side_of
from facetwise.data._spelling import name_tokens, words
from facetwise.data._suffixes import IMAGE_SUFFIXES, suffix_of

__all__ = ["choose_group", "image_readings", "split_reading"]

_SPLIT_NAMES = words("split splits fold set subset partition phase part usage stage")
_MOSTLY_SIDES = 0.9
# Cells looked at on disk before a column is believed; more would only cost time.
_FILES_TRIED = 50
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*")
# Rows per group from which the column says something; below, nearly every row is alone in its group.
_FEWEST_ROWS_PER_GROUP = 1.05
# A group that holds more of the table than this cannot be put on one side of a split.
_LARGEST_GROUP = 0.2


def _found_there(facts: ColumnFacts, folder: Path | RemoteFolder | None) -> float | None:
    """Share of some of the column's values that are files below the folder; None without a folder."""
    if folder is None or (isinstance(folder, Path) and not folder.is_dir()):
        return None

    def holds(path: str) -> bool:
        return locate(path, folder).path is not None if isinstance(folder, Path) else folder.holds(path)

    tried = facts.values[:: max(1, len(facts.values) // _FILES_TRIED)][:_FILES_TRIED]
    there = [all(map(holds, listed(value))) for value in tried]
    return sum(there) / max(len(tried), 1)


def _names_pictures(cell: str) -> bool:
    return all(suffix_of(path) in IMAGE_SUFFIXES and not _ADDRESS.fullmatch(path) for path in listed(cell))


def _tails(path: str) -> list[str]:
    """ "a/b/1.jpg", "b/1.jpg", "1.jpg": what the same file may be called from another folder."""
    parts = path.replace("\\", "/").split("/")
    return ["/".join(parts[place:]) for place in range(len(parts))]


def _same_pictures(facts: ColumnFacts, primary: ColumnFacts) -> bool:
    """Whether every path is one of the primary column's, from another folder; front/1.jpg is not back/1.jpg."""
    whole = set(primary.values)
    tails = {tail for value in primary.values for tail in _tails(value)}
    return all(value in tails or any(tail in whole for tail in _tails(value)) for value in facts.values)


def _bare_names(facts: list[ColumnFacts], folder: Path | RemoteFolder | None) -> tuple[ColumnFacts, float] | None:
    """The column whose bare values ("1563") name most pictures of the folder ("1563.jpg")."""
    if folder is None or (isinstance(folder, Path) and not folder.is_dir()):
        return None
    stems = folder_index(folder).stems if isinstance(folder, Path) else folder.stems
    shares = [(facts.share([value in stems for value in facts.values]), place) for place, facts in enumerate(facts)]
    share, place = max(shares, key=lambda pair: (pair[0], -pair[1]), default=(0.0, 0))
    # Numbers such as 1 and 2 also name pictures 1.jpg and 2.jpg: the column must tell most rows apart.
    if share >= 0.9 and len(facts[place].values) > facts[place].filled / 2:
        return facts[place], share
    return None


def image_readings(columns: list[ColumnFacts], folder: Path | RemoteFolder | None) -> list[ColumnReading]:
    """The columns of image paths, the primary one first in the table's order, and copies of them that are left out."""
    candidates = [facts for facts in columns if facts.filled and facts.mostly(_names_pictures, 0.9)]
    if not candidates:
        bare = _bare_names([facts for facts in columns if facts.filled], folder)
        if bare is None:
            return []
        facts, share = bare
        reason = f"{100 * share:.0f} % of its values are names of pictures in the folder, without their suffix"
        return [facts.reading(Role.IMAGE, reason, 'image: "another column"')]
    found = {facts.column: _found_there(facts, folder) for facts in candidates}
    believed = [facts for facts in candidates if found[facts.column] is None or (found[facts.column] or 0) > 0]
    pool = believed or candidates
    primary = next((facts for facts in pool if len(facts.values) > facts.filled / 2), pool[0])
    readings = []
    for facts in candidates:
        on_disk = found[facts.column]
        seen = "" if on_disk is None else f"; {100 * on_disk:.0f} % of those looked up are in the folder"
        reason = f"{len(facts.values):,} names of pictures in {facts.filled:,} rows{seen}"
        overrule = f"image: {quoted(facts.column)}"
        if facts is primary:
            readings.append(facts.reading(Role.IMAGE, reason, 'image: "another column"'))
        elif _same_pictures(facts, primary):
            reason = f"the same pictures as {primary.column!r}"
            readings.append(facts.reading(Role.LEFT_OUT, reason, overrule))
        elif facts not in pool:
            readings.append(facts.reading(Role.LEFT_OUT, reason, overrule))
        elif len(facts.values) <= facts.filled / 2:
            reason += ": they stand for more than one item each"
            readings.append(facts.reading(Role.LEFT_OUT, reason, overrule, keeps_together=True))
        else:
            both = f"image: [{quoted(primary.column)}]"
            readings.append(facts.reading(Role.IMAGE, f"{reason}; another picture of the same item", both))
    return readings


def split_reading(facts: ColumnFacts) -> ColumnReading | None:
    """The table's own split, where every cell names a side; None where the column is no split.

    With a few cells that name none it is still one: whoever splits refuses it with its rows. Taken for anything else,
    the rows that it keeps for the test would be trained on.
    """
    sides = np.array([SIDES.index(side) if (side := side_of(value)) else -1 for value in facts.values], dtype=np.int64)
    named = bool(_SPLIT_NAMES.intersection(name_tokens(facts.column)))
    counts = {side: int(facts.counts[sides == place].sum()) for place, side in enumerate(SIDES)}
    train, told = bool(counts["train"]), sum(counts.values())
    if sum(map(bool, counts.values())) < 2 or not (named or train):
        return None
    # Of words that are no sides only slips of the pen are forgiven, under a name that says what the column is for.
    if told < facts.filled and not (named and train and told >= _MOSTLY_SIDES * facts.filled):
        return None
    shown = ", ".join(f"{count:,} {side}" for side, count in counts.items() if count)
    honoured = "honoured" if told == facts.total else f"{facts.total - told:,} cells name no side"
    reason = f"the table's own split: {shown}; {honoured}"
    return facts.reading(Role.SPLIT, reason, f"exclude: [{quoted(facts.column)}]")


def choose_group(readings: list[ColumnReading], largest: dict[str, int], total: int) -> tuple[str | None, str]:
    """The column that keeps rows together, and why: of those that name things, the one with the most rows per value.

    Args:
        readings: All readings.
        largest: Per column the rows of its most frequent value.
        total: Rows of the table.
    """
    sizes = {
        reading.column: reading.filled / reading.distinct
        for reading in readings
        if reading.role is Role.LEFT_OUT and reading.keeps_together and reading.filled >= total / 2
    }
    able = {
        column: size
        for column, size in sizes.items()
        if size >= _FEWEST_ROWS_PER_GROUP and largest[column] <= max(2, _LARGEST_GROUP * total)
    }
    if not able:
        return None, "no column names things that come back, so only identical pictures are kept together"
    column = max(able, key=lambda name: (able[name], name))
    others = sorted(set(able) - {column})
    reason = f"its values name things and come back {able[column]:.2f} times on average"
    if others:
        listed = ", ".join(f"{name} {able[name]:.2f}" for name in others)
        reason += f", the coarsest of the columns that do (others: {listed})"
    return column, reason
