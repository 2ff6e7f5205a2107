"""Every class of every attribute equally often."""

import numpy as np

from facetwise.data.samplers._classes import rows_by_class
from facetwise.data.samplers._sampler import Sampler, cut, cycle
from facetwise.schema import Labels, Schema

__all__ = ["ClassAwareSampler"]


class ClassAwareSampler(Sampler):
    """Draw an attribute in turn, then a class of it in turn, then a row of the class in turn; each turn is shuffled.

    An epoch has as many draws as there are rows, so that rows of common classes rest and rows of rare ones come
    several times. Rows without any label are not drawn.

    Source: Shen et al. (2016, section 3.2), for one attribute. With several, the outermost turn is over the attributes,
    so that an attribute with many classes does not take the epoch; a row drawn for one attribute teaches the others
    too, whose classes are therefore balanced only on average.

    Args:
        schema, labels, seed: The vocabulary, the rows and the seed.
        attributes: Columns to balance; all if not given.
    """

    def __init__(self, *, schema: Schema, labels: Labels, seed: int, attributes: list[str] | None = None) -> None:
        super().__init__(schema=schema, labels=labels, seed=seed)
        self.classes = list(rows_by_class(schema, labels, attributes).values())

    def order(self, epoch: int) -> np.ndarray:
        """As many draws as rows; none where nothing is labelled."""
        random = self.random(epoch)
        if not self.classes:
            return np.empty(0, dtype=np.int64)
        drawn = np.empty(len(self.labels), dtype=np.int64)
        turns = cycle(random, len(self.classes), len(drawn))
        for number, classes in enumerate(self.classes):
            mine = np.flatnonzero(turns == number)
            chosen = cycle(random, len(classes), len(mine))
            for code, rows in enumerate(classes):
                at = mine[chosen == code]
                drawn[at] = rows[cycle(random, len(rows), len(at))]
        return drawn

    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """Consecutive draws."""
        return cut(self.order(epoch), batch_size)
