"""What L and S cost, and their exact proximal maps (numpy)."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Penalties", "shrink_groups", "soft_threshold"]


def soft_threshold(given: np.ndarray, by: np.ndarray | float) -> np.ndarray:
    """sign(v) max(|v| - by, 0): the proximal map of by·‖v‖₁.

    >>> soft_threshold(np.array([-2.0, 0.5, 1.5]), 1.0)
    array([-1. ,  0. ,  0.5])
    """
    return given - np.clip(given, -np.asarray(by), by)


def shrink_groups(combination: np.ndarray, groups: np.ndarray, by: np.ndarray | float) -> np.ndarray:
    """Every block of a row (the columns of one group) becomes v max(0, 1 - by/‖v‖₂): the proximal map of by·Σ‖v‖₂.

    Args:
        combination: (latent, attribute).
        groups: Group number of each attribute (attribute); disjoint, so that the map is exact.
        by: One number, or one per block (latent, group).

    >>> shrink_groups(np.array([[3.0, 4.0, 0.5]]), np.array([0, 0, 1]), 1.0)
    array([[2.4, 3.2, 0. ]])
    """
    lengths = group_lengths(combination, groups)
    kept = 1.0 - by / np.maximum(np.maximum(lengths, by), np.finfo(float).tiny)  # a block of zeros stays
    return combination * kept[:, groups]


def group_lengths(combination: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """‖s_k^g‖₂ for every latent task k and group g: (latent, group)."""
    member = groups[:, None] == np.arange(groups.max(initial=-1) + 1)
    return np.sqrt(combination**2 @ member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalties:
    r"""μ Σ_k Σ_g ‖s_k^g‖₂ + γ_S‖S‖₁ + λ_S‖S‖²_F + γ‖L‖₁ + λ‖L‖²_F.

    As published γ_S = λ_S = 0: l1 and Frobenius are on L and the group norm is on the rows of S. Other readings of the
    paper put l1 on S; each term has a weight of its own.

    Source: Abdulnabi et al. (2015); the map of l1 and group norms together: Simon et al. (2013, section 3.1).

    Args:
        groups: Group number of each attribute.
        group_norm: μ.
        l1_combination: γ_S.
        frobenius_combination: λ_S.
        l1_latent: γ.
        frobenius_latent: λ.
    """

    groups: np.ndarray
    group_norm: float = 0.0
    l1_combination: float = 0.0
    frobenius_combination: float = 0.0
    l1_latent: float = 0.0
    frobenius_latent: float = 0.0

    def of_latent(self, latent: np.ndarray) -> np.ndarray:
        """What each latent task's column of L costs: (latent)."""
        return self.l1_latent * np.abs(latent).sum(axis=0) + self.frobenius_latent * (latent**2).sum(axis=0)

    def of_combination(self, combination: np.ndarray) -> np.ndarray:
        """What each latent task's row of S costs: (latent)."""
        lengths = group_lengths(combination, self.groups).sum(axis=1)
        plain = self.l1_combination * np.abs(combination).sum(axis=1)
        return self.group_norm * lengths + plain + self.frobenius_combination * (combination**2).sum(axis=1)

    def shrink_latent(self, latent: np.ndarray, step: np.ndarray | float) -> np.ndarray:
        """argmin_V Σ (V - L)² / 2η + penalty(V), η one number, or one per latent task."""
        return soft_threshold(latent, step * self.l1_latent) / (1.0 + 2.0 * step * self.frobenius_latent)

    def shrink_combination(self, combination: np.ndarray, step: np.ndarray | float) -> np.ndarray:
        """argmin_V Σ (V - S)² / 2η + penalty(V), η one number, or an array that fits S, equal within a block.

        Soft threshold, block threshold, division: exact, because the norms are homogeneous.
        """
        steps = np.broadcast_to(np.asarray(step, float), combination.shape)
        by_group = np.zeros((len(combination), self.groups.max(initial=-1) + 1))
        by_group[:, self.groups] = steps
        soft = soft_threshold(combination, steps * self.l1_combination)
        shrunk = shrink_groups(soft, self.groups, by_group * self.group_norm)
        return shrunk / (1.0 + 2.0 * steps * self.frobenius_combination)

    def balance(self, latent: np.ndarray, combination: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scaling l_k c_k, s_k / c_k that costs least; W = L S is the same.

        In u = log c the cost a eᵘ + b e²ᵘ + p e⁻ᵘ + q e⁻²ᵘ is convex; Newton's method, steps of at most 1. Alternation
        alone takes many rounds over the scale between L and S. Latent tasks where one side is free, or nothing, stay.
        """
        a, b = self.l1_latent * np.abs(latent).sum(axis=0), self.frobenius_latent * (latent**2).sum(axis=0)
        q = self.frobenius_combination * (combination**2).sum(axis=1)
        p = self.of_combination(combination) - q
        two_sided = (a + b > 0) & (p + q > 0)
        u = np.zeros(len(a))
        for _ in range(60):  # e⁶⁰ is further than any scale that occurs
            rise, fall = np.exp(u), np.exp(-u)
            slope = a * rise + 2 * b * rise**2 - p * fall - 2 * q * fall**2
            bend = a * rise + 4 * b * rise**2 + p * fall + 4 * q * fall**2
            move = np.divide(slope, bend, out=np.zeros_like(u), where=two_sided & (bend > 0))
            u -= np.clip(move, -1.0, 1.0)
            if np.abs(move).max(initial=0.0) < 1e-12:  # rounding
                break
        return latent * np.exp(u), combination * np.exp(-u)[:, None]
