"""Every row once an epoch."""

import numpy as np

from facetwise.data.samplers._sampler import Sampler, cut

__all__ = ["UniformSampler"]


class UniformSampler(Sampler):
    """A random permutation of all rows.

    Source: sampling without replacement, the usual epoch of stochastic gradient descent.
    """

    def order(self, epoch: int) -> np.ndarray:
        """All rows, shuffled."""
        return self.random(epoch).permutation(len(self.labels))

    def batches(self, epoch: int, batch_size: int) -> list[np.ndarray]:
        """Consecutive rows of the order."""
        return cut(self.order(epoch), batch_size)
