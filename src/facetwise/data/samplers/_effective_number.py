"""Rows drawn with the weights of the effective number of samples."""

import numpy as np

from facetwise.data.samplers._classes import rows_by_class
from facetwise.data.samplers._sampler import Sampler, cut
from facetwise.errors import Complaint, ConfigError
from facetwise.schema import Labels, Schema

__all__ = ["EffectiveNumberSampler"]


class EffectiveNumberSampler(Sampler):
    """Draw rows with replacement, P(row) ∝ mean over its labelled attributes of v_y, v_c ∝ (1 - β) / (1 - β^{n_c}).

    n_c is the number of rows of class c, and v has mean 1 over the rows of an attribute, so that no attribute counts
    more than another. An epoch has as many draws as there are rows. Rows without any label are not drawn.

    Source: Cui et al. (2019, eq. 10), their weights of one attribute used for resampling.

    Args:
        schema, labels, seed: The vocabulary, the rows and the seed.
        beta: β in [0, 1): 0 draws every labelled row alike, towards 1 every class.
        attributes: Columns to balance; all if not given.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        labels: Labels,
        seed: int,
        beta: float = 0.9999,
        attributes: list[str] | None = None,
    ) -> None:
        if not 0.0 <= beta < 1.0:
            place, rule = "config: sampler.beta", "beta is at least 0 and below 1"
            raise ConfigError([Complaint(place=place, rule=rule, found=repr(beta), fix="write 0.9999")])
        super().__init__(schema=schema, labels=labels, seed=seed)
        total, labelled = np.zeros(len(labels)), np.zeros(len(labels))
        for classes in rows_by_class(schema, labels, attributes).values():
            counts = np.array([len(rows) for rows in classes])
            # 1 - β^n as -expm1(n log β): for β near 1 the difference of the two would lose its digits.
            value = (1.0 - beta) / -np.expm1(counts * np.log(beta)) if beta else np.ones(len(counts))
            value = value * counts.sum() / (value * counts).sum()
            own, seen = np.zeros(len(labels)), np.zeros(len(labels))
            for rows, one in zip(classes, value, strict=True):
                own[rows] += one
                seen[rows] += 1
            total += own / np.maximum(seen, 1)  # a row with several classes: their mean
            labelled += seen > 0
        chance = total / np.maximum(labelled, 1)
        self.chance = chance / chance.sum() if chance.any() else chance

    def order(self, epoch: int) -> np.ndarray:
        """As many draws as rows; none where nothing is labelled."""
        if not self.chance.any():
            return np.empty(0, dtype=np.int64)
        return self.random(epoch).choice(len(self.labels), size=len(self.labels), p=self.chance)

    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """Consecutive draws."""
        return cut(self.order(epoch), batch_size)
