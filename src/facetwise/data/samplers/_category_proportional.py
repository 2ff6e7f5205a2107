"""Every batch with the categories in the proportions of the whole."""

import numpy as np

from facetwise.data.samplers._classes import category_codes
from facetwise.data.samplers._sampler import Sampler, cut
from facetwise.schema import Labels, Schema

__all__ = ["CategoryProportionalSampler"]


class CategoryProportionalSampler(Sampler):
    """Every row once an epoch, and every stretch of it with each category in its share, to within one or two rows.

    Row k of the n shuffled rows of a category stands at (k + u) / n of the epoch, u in [0, 1) drawn per category and
    epoch. Rows of an unknown category are a category of their own.

    Source: proportional stratified sampling (Cochran 1977, chapter 5), by systematic positions, without replacement.

    Args:
        schema, labels, seed: The vocabulary, the rows and the seed.
    """

    keeps_order = True

    def __init__(self, *, schema: Schema, labels: Labels, seed: int) -> None:
        super().__init__(schema=schema, labels=labels, seed=seed)
        codes = category_codes(schema, labels)
        self.groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]

    def order(self, epoch: int) -> np.ndarray:
        """All rows, the categories spread evenly."""
        random, position = self.random(epoch), np.empty(len(self.labels))
        for rows in self.groups:
            position[random.permutation(rows)] = (np.arange(len(rows)) + random.random()) / len(rows)
        return position.argsort(kind="stable")

    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """Consecutive rows of the order."""
        return cut(self.order(epoch), batch_size)
