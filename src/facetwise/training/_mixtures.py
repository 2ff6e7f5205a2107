"""Items between the training items, for a teacher to speak about: those that it learnt by heart teach little."""

from collections.abc import Sequence

import numpy as np

__all__ = ["mixtures_of"]


def mixtures_of(
    ours: np.ndarray, theirs: Sequence[np.ndarray], *, times: int, seed: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """x = λ x_i + (1 - λ) x_j, λ uniform between 0 and 1; for the student and every teacher the same i, j and λ.

    A teacher is nearly certain of the items that it was trained on, and its answers then say no more than the labels;
    between them it has to show how its answers change. The items have no labels, only answers of the teacher.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", with α = 1; as questions to a teacher: Beyer
    et al. 2022, "Knowledge distillation: A good teacher is patient and consistent", section 3. They mix pictures; these
    are features, so that student and teacher are asked about the same place in two spaces.

    Args:
        ours: (item, width) or (item, view, width) features of the student, NaN where an item has fewer pictures.
        theirs: The same items as each teacher reads them.
        times: How many mixtures per item.
        seed: Of the pairs and shares.

    >>> ours, theirs = mixtures_of(np.array([[0.0], [1.0]]), [np.array([[0.0], [10.0]])], times=3, seed=0)
    >>> ours.shape, bool(np.allclose(10 * ours, theirs[0]))
    ((6, 1), True)
    """
    rng, items = np.random.default_rng(seed), len(ours)
    first = np.tile(np.arange(items), times)
    second = np.concatenate([rng.permutation(items) for _ in range(times)]) if times else first
    share = rng.uniform(size=(len(first), 1)).astype(np.float32)

    def mixed(features: np.ndarray) -> np.ndarray:
        flat = features if features.ndim == 2 else np.nanmean(features, axis=1)
        return (share * flat[first] + (1 - share) * flat[second]).astype(np.float32)

    return mixed(ours), [mixed(one) for one in theirs]
