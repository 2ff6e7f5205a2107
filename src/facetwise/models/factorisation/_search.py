"""How strong the penalties should be: tried one after the other, judged on rows held out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.errors import UserError
from facetwise.models.factorisation._factorisation import Factorisation
from facetwise.models.factorisation._factorise import factorise
from facetwise.models.factorisation._problem import Problem

__all__ = ["RIDGES", "STRENGTHS", "Trial", "search_factorisation"]

# ρ as a share of λ_max(X_aᵀ X_a), which grows with rows and features as the loss does: from hardly any to nearly all.
RIDGES = tuple(0.0005 * 4.0**power for power in range(7))
# The other penalties as a share of the slope at W = 0, ‖Xᵀ Y‖₂: at ½ of it, Frobenius on both factors leaves nothing.
STRENGTHS = (0.003, 0.01, 0.03)
# A lighter ridge, and none, as sharing restrains the weights too.
_LIGHTER = (1.0, 0.25, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One setting and what it reached.

    Args:
        options: Penalties of `factorise`.
        accuracy: Mean over attributes on the rows held out.
    """

    options: dict[str, float]
    accuracy: float


def search_factorisation(
    features: np.ndarray | Sequence[np.ndarray],
    labels: np.ndarray,
    held_out_features: np.ndarray | Sequence[np.ndarray],
    held_out_labels: np.ndarray,
    *,
    groups: Sequence[int] | None = None,
    latent: int | None = None,
    weights: Sequence[float] | None = None,
    seed: int = 0,
) -> tuple[Factorisation, list[Trial]]:
    r"""The factorisation whose penalties do best on rows held out, and everything that was tried.

    First every attribute alone (a ridge ρ‖W‖²_F and nothing else, as many support vector machines with one strength);
    then, with the best ρ, a quarter of it and without, the published penalties (group norm μ, l1 at a tenth of it,
    Frobenius λ = μ) and Frobenius on both factors, each at three strengths. Attributes that gain nothing from each
    other get what they would have got alone: sharing is taken where it gains more than the standard error of its gain,
    which is paired, over rows. The published objective has no ridge; with many labels it is the weaker for it
    (benchmarks/cnn_mtl.py).

    Source: Abdulnabi et al. (2015) choose their strengths by cross-validation; the order of the search is ours. The
    simpler model within one standard error: Breiman, Friedman, Olshen, Stone (1984, section 3.4.3).

    Args:
        features, labels, groups, latent, weights, seed: As in `factorise`.
        held_out_features, held_out_labels: Rows that decide; never those of the test.

    Raises:
        UserError: Arrays that cannot be; an attribute without a label among the rows held out does not count, but one
            at least has to.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 6))
        >>> y = np.sign(x @ rng.normal(size=(6, 1)) @ rng.normal(size=(1, 4)))
        >>> found, tried = search_factorisation(x[:80], y[:80], x[80:], y[80:], groups=[0, 0, 1, 1])
        >>> len(tried), bool((found.predict(x[80:]) == y[80:]).mean() > 0.9)
        (25, True)
    """
    truth = np.asarray(held_out_labels, float)
    counted = ~np.isnan(truth).all(axis=0)
    if truth.ndim != 2 or not counted.any():
        raise UserError("rows held out decide, so they have labels. Found none. Fix: hold other rows out")
    problem = Problem(features, labels, weights=weights)
    largest = float(problem.spectrum().mean())
    slope = problem.pull(problem.slope(problem.score(np.zeros((problem.num_features, problem.num_attributes)))))
    unit = float(np.linalg.norm(slope, 2))
    found: list[Factorisation] = []
    rights: list[np.ndarray] = []  # (row, attribute) 1, 0 or NaN
    tried: list[Trial] = []

    def attempt(**options: float) -> float:
        made = factorise(
            features,
            labels,
            latent=latent,
            groups=groups,
            weights=weights,
            seed=seed,
            group_norm=options.get("group_norm", 0.0),
            l1_latent=options.get("l1_latent", 0.0),
            frobenius_latent=options.get("frobenius_latent", 0.0),
            frobenius_combination=options.get("frobenius_combination", 0.0),
            ridge=options["ridge"],
        )
        right = np.where(np.isnan(truth), np.nan, made.predict(held_out_features) == truth)[:, counted]
        accuracy = float(np.nanmean(right, axis=0).mean())
        found.append(made)
        rights.append(right)
        tried.append(Trial(options=options, accuracy=accuracy))
        return accuracy

    ridges = [share * largest for share in RIDGES]
    alone = [attempt(ridge=ridge) for ridge in ridges]
    best = int(np.argmax(alone))
    ridge, simple = ridges[best], rights[best]
    for own in (share * ridge for share in _LIGHTER):
        for strength in (share * unit for share in STRENGTHS):
            attempt(ridge=own, group_norm=strength, l1_latent=0.1 * strength, frobenius_latent=strength)
            attempt(ridge=own, frobenius_latent=strength, frobenius_combination=strength)
    for place in range(len(alone), len(tried)):
        if _gains(rights[place], simple) and tried[place].accuracy > tried[best].accuracy:
            best = place
    return found[best], tried


def _gains(right: np.ndarray, before: np.ndarray) -> bool:
    """Whether the mean over attributes rises by more than the standard error of that rise."""
    known = ~np.isnan(right)
    by_row = np.where(known, right - before, 0.0) @ (1.0 / (known.sum(axis=0) * right.shape[1]))
    return bool(by_row.sum() > np.sqrt(len(by_row)) * by_row.std(ddof=1)) if len(by_row) > 1 else False
