"""Every batch from one category."""

from itertools import zip_longest
from typing import Literal

import numpy as np

from facetwise.data.samplers._classes import category_codes
from facetwise.data.samplers._sampler import Sampler
from facetwise.errors import Complaint, ConfigError
from facetwise.schema import Labels, Schema

__all__ = ["CategoryPureSampler"]

ARRANGEMENTS = ("mixed", "sequential")


class CategoryPureSampler(Sampler):
    """Every row once an epoch, no batch with two categories; rows of an unknown category are a category of their own.

    The batches of a category are of nearly equal size, so that no small rest gets the step of a whole batch.

    Source: the batches of system code for competition data (one network with a branch per category): "mixed" takes the
    categories in turn until each runs out, "sequential" one after the other. That code does not shuffle its first
    epoch; here every epoch shuffles the rows, and the order of the categories.

    Args:
        schema, labels, seed: The vocabulary, the rows and the seed.
        arrangement: "mixed" or "sequential".
    """

    keeps_order = True

    def __init__(
        self,
        *,
        schema: Schema,
        labels: Labels,
        seed: int,
        arrangement: Literal["mixed", "sequential"] = "mixed",
    ) -> None:
        if arrangement not in ARRANGEMENTS:
            place, rule = "config: sampler.arrangement", "arrangement is 'mixed' or 'sequential'"
            raise ConfigError([Complaint(place=place, rule=rule, found=repr(arrangement), fix="write mixed")])
        super().__init__(schema=schema, labels=labels, seed=seed)
        codes = category_codes(schema, labels)
        self.groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
        self.in_turn = arrangement == ARRANGEMENTS[0]

    def order(self, epoch: int) -> np.ndarray:
        """All rows, the categories one after the other."""
        shuffled = self._shuffled(epoch)
        return np.concatenate(shuffled) if shuffled else np.empty(0, dtype=np.int64)

    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """Batches of one category each, at most `batch_size` rows."""
        parts = [np.array_split(rows, -(-len(rows) // batch_size)) for rows in self._shuffled(epoch)]
        if not self.in_turn:
            return [batch for batches in parts for batch in batches]
        return [batch for turn in zip_longest(*parts) for batch in turn if batch is not None]

    def _shuffled(self, epoch: int) -> list[np.ndarray]:
        random = self.random(epoch)
        return [random.permutation(self.groups[n]) for n in random.permutation(len(self.groups))]
