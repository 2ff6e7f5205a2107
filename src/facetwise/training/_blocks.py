"""An epoch in an order that a disk reads well: blocks of neighbouring rows, many of them mixed at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.features import StoredRows

__all__ = ["Blocks", "spread"]

# Read in one go: a disk that starts anew for each of them still delivers most of its speed, and many of them fit into
# what is mixed.
BLOCK_BYTES = 1 << 18
# Held while it is learned from; beside it the next one is read.
BUFFER_BYTES = 1 << 28
# Separates these draws from those of other things with the same numbers.
STREAM = 0xB10C


def spread(batch: int, *, blocks: int, mixed: int, rows: int) -> float:
    r"""How much more the share of anything varies from batch to batch than after a whole shuffle, at worst.

    Var(batch) / Var(batch after a whole shuffle)
        = [(1 - c) (k b - m) / (k b - 1) + m c] (n - 1) / (n - m), c = (B - k) / (k (B - 1)),

    n = B b rows in B blocks of b, k blocks mixed, m rows per batch. It holds where every block is all of one kind (a
    table that is sorted); where neighbours are no more alike than others it is 1, and between the two it lies between.
    With one buffer (k ≥ B) it is 1.

    Source: variances of cluster sampling without replacement (Cochran 1977, sections 9.2 and 9.3) for the two-level
    shuffle of Xu et al. (2022, CorgiPile, algorithm 1), which draws blocks first and rows of the drawn blocks second.

    Args:
        batch: m.
        blocks: B.
        mixed: k.
        rows: n.

    >>> round(spread(128, blocks=100_000, mixed=1_000, rows=10_000_000), 2), spread(128, blocks=9, mixed=9, rows=900)
    (1.12, 1.0)
    """
    if mixed >= blocks or batch >= rows:
        return 1.0
    own = rows / blocks
    between = (blocks - mixed) / (mixed * (blocks - 1))
    held = mixed * own
    taken = min(batch, held)
    within = (1 - between) * (held - taken) / max(held - 1, 1.0)
    return (within + taken * between) * (rows - 1) / (rows - taken)


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """How rows on disk are cut and mixed.

    The blocks of an epoch are shuffled; so many of them as fit into a buffer are mixed at once; and the rows of a
    buffer keep the order in which the sampler drew them, which is a shuffled one. What is drawn is what the sampler
    draws, each as often; only when it comes is changed. Where all rows fit into one buffer, nothing is changed.

    Source: Xu et al. (2022, "In-Database Machine Learning with CorgiPile", algorithm 1), which proves that SGD in this
    order converges as after a whole shuffle up to the variance that `spread` is about.

    Args:
        place: (row,) int32: block that each row lies in.
        mixed: Blocks per buffer.
    """

    place: np.ndarray
    mixed: int

    @classmethod
    def of(cls, rows: StoredRows, *, block: int = BLOCK_BYTES, buffer: int = BUFFER_BYTES) -> "Blocks":
        """Blocks of so many bytes, as many at once as fit into the buffer."""
        each = max(1, block // rows.row_bytes)
        where = np.arange(len(rows)) if rows.places is None else rows.places
        place = (where // each).astype(np.int32)
        # Blocks without any of these rows count for nothing.
        numbers = np.cumsum(np.bincount(place) > 0, dtype=np.int32) - 1
        return cls(place=numbers[place], mixed=max(1, buffer // (each * rows.row_bytes)))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.place.max(initial=-1)) + 1

    def arrange(self, batches: Sequence[np.ndarray], *, seed: int, epoch: int) -> list[np.ndarray]:
        """The same draws in batches of the same sizes, buffer by buffer.

        Args:
            batches: Of the sampler.
            seed, epoch: The order of the blocks depends on these only.
        """
        if self.mixed >= self.count or not batches:
            return list(batches)
        turn = np.random.default_rng((STREAM, seed, epoch)).permutation(self.count) // self.mixed
        draws = np.concatenate(batches)
        # A stable sort of small integers is a counting sort, and keeps the sampler's order within each buffer.
        kind = np.uint16 if turn.max() < 1 << 16 else np.int64
        draws = draws[np.argsort(turn.astype(kind)[self.place[draws]], kind="stable")]
        return np.split(draws, np.cumsum([len(batch) for batch in batches])[:-1])

    def chunks(self, batches: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Consecutive batches that are read together: their rows lie in as many blocks as are mixed.

        A batch that lies across two buffers goes with the first, which is thereby at its end.
        """
        seen, chunk = np.zeros(self.count, dtype=bool), []
        for batch in batches:
            seen[self.place[batch]] = True
            chunk.append(batch)
            if np.count_nonzero(seen) > self.mixed:
                yield chunk
                seen, chunk = np.zeros(self.count, dtype=bool), []
        if chunk:
            yield chunk
