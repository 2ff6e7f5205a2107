"""What a row of a run is called, so that the same row is found in another run."""

from collections import Counter
from collections.abc import Set as AbstractSet

from facetwise.data import Split

__all__ = ["RowKey", "row_keys", "unpaired"]

# A picture, and which of its rows: one picture may stand in several, with a box each.
RowKey = tuple[str, int]


def row_keys(split: Split, without: AbstractSet[str] = frozenset()) -> dict[RowKey, int]:
    """Per row its place in the split; rows of one picture are counted in the order of the table.

    Args:
        split: All rows of a run.
        without: Pictures whose rows are left out.
    """
    seen, found = Counter[str](), {}
    for place, image in enumerate(split.images):
        if image not in without:
            found[image, seen[image]] = place
            seen[image] += 1
    return found


def unpaired(first: Split, second: Split) -> list[str]:
    """Pictures of both runs that stand in another number of rows: which row is which cannot be told."""
    before, after = Counter(first.images), Counter(second.images)
    return [image for image, count in before.items() if image in after and after[image] != count]
