"""The smooth part: labelled cells, margins, hinge losses and their slopes."""

from collections.abc import Sequence
from copy import copy
from typing import Literal

import numpy as np

from facetwise.errors import UserError

__all__ = ["Power", "Problem"]

Power = Literal[1, 2]

# Power iterations for the largest singular values: within a few per cent, and backtracking catches the rest.
_ITERATIONS = 12


class Problem:
    r"""Σ_a w_a Σ_i ℓ(Y_ia f_ia) over labelled cells, f_a = X_a w_a + b_a.

    With power 2, ℓ(t) = ½ max(0, 1 - t)². With power 1, ℓ is max(0, 1 - t) with its corner rounded off over a width δ
    (Nesterov's smoothing): (1 - t)²/2δ for 1 - δ < t < 1, and 1 - t - δ/2 below, at most δ/2 under the hinge. Both have
    a Lipschitz slope (1 and 1/δ), so that accelerated proximal gradient applies; no subgradients.

    Items without any label are left out; a cell without one has weight 0, which equals its removal.

    A ridge ρ‖W‖²_F on the product belongs to the smooth part too: it is written as further rows, √(2ρ) on the diagonal,
    whose loss is ½ f² and which know no intercept. Scores then have those rows below the items'.

    Source: Abdulnabi et al. (2015), the squared hinge; Nesterov (2005), "Smooth minimization of non-smooth functions".

    Args:
        features: (item, feature), or one such array per attribute, of the same shape.
        labels: (item, attribute): 1, -1, or NaN for unknown.
        weights: One per attribute; 1 if not given.
        power: 2: squared hinge; 1: hinge.
        smoothing: δ of power 1.
        ridge: ρ.

    Raises:
        UserError: Shapes that do not fit, labels other than 1, -1 and NaN, features that are not finite.
    """

    def __init__(
        self,
        features: np.ndarray | Sequence[np.ndarray],
        labels: np.ndarray,
        *,
        weights: Sequence[float] | np.ndarray | None = None,
        power: Power = 2,
        smoothing: float = 0.1,
        ridge: float = 0.0,
    ) -> None:
        given = np.asarray(labels, float)
        _check_labels(given)
        labelled = ~np.isnan(given)
        rows = labelled.any(axis=1)
        self.shared = isinstance(features, np.ndarray) and features.ndim == 2
        arrays = [np.asarray(features)] if self.shared else [np.asarray(each) for each in features]
        self.features = [checked(each, given.shape[0])[rows] for each in arrays]
        if not self.shared and len(self.features) != given.shape[1]:
            raise UserError(
                f"features are one array for all attributes, or one per attribute ({given.shape[1]}). "
                f"Found {len(self.features)} arrays"
            )
        if len({each.shape for each in self.features}) != 1:
            raise UserError(
                f"the arrays of features have one shape. Found {sorted({each.shape for each in self.features})}"
            )
        if power not in (1, 2) or not smoothing > 0:
            raise UserError(f"`power` is 1 or 2 and `smoothing` above 0. Found {power} and {smoothing}")
        self.labelled = labelled[rows]
        self.signs = np.where(self.labelled, given[rows], 0.0)
        if not 0 <= ridge < np.inf:
            raise UserError(f"`ridge` should be a finite number of at least 0. Found ridge = {ridge}")
        self.power, self.smoothing, self.ridge = power, float(smoothing), float(ridge)
        self.weigh(np.ones(given.shape[1]) if weights is None else np.asarray(weights, float))
        self._spectrum: np.ndarray | None = None

    @property
    def num_features(self) -> int:
        """Width of the features."""
        return self.features[0].shape[1]

    @property
    def num_attributes(self) -> int:
        """Columns of the labels."""
        return self.signs.shape[1]

    @property
    def num_items(self) -> int:
        """Items with a label; rows of the scores above those of the ridge."""
        return len(self.signs)

    def weigh(self, weights: np.ndarray) -> None:
        """Put other weights on the attributes.

        Raises:
            UserError: Not one finite number of at least 0 per attribute.
        """
        if weights.shape != (self.num_attributes,) or not np.all(np.isfinite(weights) & (weights >= 0)):
            raise UserError(
                f"`weights` are {self.num_attributes} numbers of at least 0, one per attribute. "
                f"Found {weights.tolist()}"
            )
        self.weights = weights
        self.cells = self.labelled * weights

    def each(self, scores: np.ndarray) -> np.ndarray:
        """ℓ of every cell, without weights, 0 where there is no label: (item, attribute)."""
        gap = np.maximum(1.0 - self.signs * scores[: self.num_items], 0.0) * self.labelled
        if self.power == 2:
            return 0.5 * gap**2
        return np.where(gap < self.smoothing, gap**2 / (2.0 * self.smoothing), gap - 0.5 * self.smoothing)

    def loss(self, scores: np.ndarray) -> float:
        """The sum over labelled cells, and the ridge."""
        return float((self.each(scores) @ self.weights).sum() + 0.5 * (scores[self.num_items :] ** 2).sum())

    def slope(self, scores: np.ndarray) -> np.ndarray:
        """∂ loss / ∂ scores: (row, attribute)."""
        gap = np.maximum(1.0 - self.signs * scores[: self.num_items], 0.0)
        if self.power == 1:
            gap = np.minimum(gap / self.smoothing, 1.0)
        return self._with_ridge(-self.cells * self.signs * gap, scores[self.num_items :])

    def slope_of_intercepts(self, slope: np.ndarray) -> np.ndarray:
        """∂ loss / ∂ b: (attribute)."""
        return slope[: self.num_items].sum(axis=0)

    @property
    def curvature(self) -> float:
        """Largest second derivative of ℓ."""
        return 1.0 if self.power == 2 else 1.0 / self.smoothing

    def curvatures(self) -> np.ndarray:
        """Largest second derivative of every cell, weights included: (row, attribute)."""
        cells = self.curvature * self.cells
        return self._with_ridge(cells, np.ones((self.num_features, self.num_attributes)))

    def score(self, matrix: np.ndarray, intercepts: np.ndarray | float = 0.0) -> np.ndarray:
        """X_a w_a + b_a of every attribute: (feature, attribute) to (row, attribute)."""
        return self._with_ridge(self._score(matrix) + intercepts, self._root * matrix)

    def pull(self, slope: np.ndarray) -> np.ndarray:
        """X_aᵀ r_a of every attribute: (row, attribute) to (feature, attribute)."""
        found = self._pull(slope[: self.num_items])
        return found + self._root * slope[self.num_items :] if self.ridge else found

    def project(self, latent: np.ndarray) -> np.ndarray:
        """X L and a 1 for the intercept: (row, latent + 1), one of each attribute where features are its own."""
        one = np.ones((self.num_items, 1))
        below = np.hstack([self._root * latent, np.zeros((len(latent), 1))])
        found = [self._with_ridge(np.hstack([each @ latent, one]), below) for each in self.features]
        return found[0] if self.shared else np.stack(found)

    def without_ridge(self) -> "Problem":
        """The same cells, and no ridge."""
        other = copy(self)
        other.ridge = 0.0
        return other

    def spectrum(self) -> np.ndarray:
        """The largest eigenvalue of X_aᵀ X_a over the labelled items of each attribute, nearly: (attribute)."""
        if self._spectrum is None:
            # Column sums point well away from zero for any features; the all-ones vector may be orthogonal to them.
            vector = self._pull(self.labelled.astype(float)) + 1.0
            size = np.ones(self.num_attributes)
            for _ in range(_ITERATIONS):
                vector /= np.maximum(np.linalg.norm(vector, axis=0), np.finfo(float).tiny)
                vector = self._pull(self.labelled * self._score(vector))
                size = np.linalg.norm(vector, axis=0)
            self._spectrum = size
        return self._spectrum

    @property
    def _root(self) -> float:
        return float(np.sqrt(2.0 * self.ridge))

    def _with_ridge(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        return np.vstack([above, below]) if self.ridge else above

    def _score(self, matrix: np.ndarray) -> np.ndarray:
        if self.shared:
            return self.features[0] @ matrix
        return np.stack([each @ matrix[:, a] for a, each in enumerate(self.features)], axis=1)

    def _pull(self, slope: np.ndarray) -> np.ndarray:
        if self.shared:
            return self.features[0].T @ slope
        return np.stack([each.T @ slope[:, a] for a, each in enumerate(self.features)], axis=1)


def checked(features: np.ndarray, items: int) -> np.ndarray:
    """Features in float64.

    Raises:
        UserError: Not (item, feature), not as many items as labels, or not finite.
    """
    found = np.ascontiguousarray(features, float)
    if found.ndim != 2 or found.shape[0] != items:
        raise UserError(
            f"features are an array (item, feature) with one row per row of the labels ({items}). "
            f"Found an array of shape {found.shape}"
        )
    if bad := int((~np.isfinite(found)).sum()):
        raise UserError(f"features are finite numbers. Found {bad} cells that are NaN or infinite")
    return found


def _check_labels(labels: np.ndarray) -> None:
    if labels.ndim != 2 or 0 in labels.shape:
        raise UserError(f"labels are an array (item, attribute), not empty. Found an array of shape {labels.shape}")
    odd = labels[~np.isnan(labels) & (np.abs(labels) != 1.0)]
    if odd.size:
        fix = " For labels 0 and 1 write 2 * labels - 1." if np.isin(odd, (0.0,)).any() else ""
        raise UserError(
            f"labels are 1, -1, or NaN for unknown. Found {odd.size} other cells, such as {odd.flat[0]:g}.{fix}"
        )
    if empty := [a for a in range(labels.shape[1]) if np.isnan(labels[:, a]).all()]:
        raise UserError(f"every attribute has a label somewhere. Found none in columns {empty}. Fix: leave them out.")
