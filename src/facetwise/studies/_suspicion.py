"""From out-of-fold chances to cells that look wrong, with a chance of being wrong that attributes share."""

from dataclasses import dataclass

import numpy as np

from facetwise.decisions import apply_isotonic, fit_isotonic

__all__ = ["Suspicion", "confident_share", "suspect"]

# Share of labels that are flipped, in mind only, to see which order finds them best and how surely.
PLANTED = 0.05
# How much the best other class counts beside the label's own chance. 0 is the plain order by loss, which would be best
# if errors went to every class alike and all chances were calibrated.
SHARES = (0.0, 0.25, 0.5, 1.0)
DRAWS = 5
# The share of wrong labels is estimated where at least this share of planted flips is found: of fewer, chance decides.
FOUND = 0.25
_TINY = 1e-6
# No picture makes a label wrong for certain.
SUREST = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """How wrong the labels of one attribute look.

    Args:
        score: (row,) larger is more suspicious.
        chance: (row,) estimated P(the label is wrong).
        other: (row,) class that the model would rather give.
        wrong: Estimated share of wrong labels.
        found: Average precision with which planted flips are found: what the order is worth on this attribute. Labels
            that are wrong already stand in their way, so that it tells too little where many are.
        by_frequency: The same for the order that class frequencies alone give, the rarest class first.
        share: Of the best other class in the score.
        confident: Share of labels that confident learning calls wrong.
    """

    score: np.ndarray
    chance: np.ndarray
    other: np.ndarray
    wrong: float
    found: float
    by_frequency: float
    share: float
    confident: float


def _score(logs: np.ndarray, index: np.ndarray, share: float) -> np.ndarray:
    """-log p_y + λ log max_{k≠y} p_k."""
    rows = np.arange(len(logs))
    own, rest = logs[rows, index], logs.copy()
    rest[rows, index] = -np.inf
    return -own + (share * rest.max(axis=1) if share else 0.0)


def confident_share(chances: np.ndarray, index: np.ndarray) -> float:
    """Share of labels off the diagonal of the confident joint.

    A row counts as class k where p_k ≥ t_k, t_k the mean of p_k over rows labelled k; of several such k the most
    probable.

    Source: Northcutt, Jiang, Chuang (2021), Confident Learning, eq. 1 and 2.

    >>> confident_share(np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.2, 0.8]]), np.array([0, 0, 1, 1]))
    0.25
    """
    counts = np.bincount(index, minlength=chances.shape[1])
    thresholds = np.zeros(chances.shape[1])
    np.add.at(thresholds, index, chances[np.arange(len(index)), index])
    thresholds = np.where(counts > 0, thresholds / np.maximum(counts, 1), np.inf)
    sure = np.where(chances >= thresholds, chances, -1.0)
    counted = (sure >= 0).any(axis=1)
    return float((counted & (sure.argmax(axis=1) != index)).mean()) if len(index) else 0.0


def suspect(chances: np.ndarray, index: np.ndarray, *, seed: int = 0) -> Suspicion:
    r"""Rank the labels of one attribute.

    The score is -log p_y + λ log max_{k≠y} p_k with p out of fold. A row's own label has no part in its p, so any label
    can be asked about without training again: 5 % of the labels are flipped to another class in mind, and λ is the one
    that finds these best. λ = 0 is the order by loss, λ = 1 the log of the ratio. A label that is probably wrong as it
    is counts less against a λ; what is told of the order, `found`, has no such weights, since on labels that pictures
    do not show they would praise it for its own suspicions.

    With F(s) the share of planted flips and G(s) the share of labels as they are that score at least s, at most
    ε = min_s G(s) / F(s) of the labels are wrong (a bound, for errors that go to every class alike); P(wrong | s)
    follows from ε and the ratio of the two densities, made monotone.

    Source: normalised margin and self-confidence: Northcutt, Jiang, Chuang (2021), Confident Learning, section 3;
    the bound on a mixture's proportion: Blanchard, Lee, Scott (2010), Semi-supervised novelty detection, section 3.
    Different from cleanlab, which asks the user to choose one of its scores, and subtracts class thresholds: that
    ranked planted flips worse on every development table.

    Args:
        chances: (row, class) out of fold.
        index: (row,) the labels.
        seed: Of the flips in mind.
    """
    count, classes = chances.shape
    logs = np.log(np.maximum(chances.astype(np.float64), _TINY))
    draw = np.random.default_rng(seed)
    everywhere = (index + draw.integers(1, classes, count)) % classes
    frequency = np.tile(np.log(np.maximum(np.bincount(index, minlength=classes) / count, _TINY)), (count, 1))
    sound = 1.0 - _judged(logs, index, everywhere, 0.0)[2]
    weighted, plain, by_frequency = np.zeros(len(SHARES)), np.zeros(len(SHARES)), 0.0
    for _ in range(DRAWS):
        chosen = draw.permutation(count)[: max(1, round(PLANTED * count))]
        other = (index[chosen] + draw.integers(1, classes, len(chosen))) % classes
        planted = np.zeros(count, dtype=bool)
        planted[chosen] = True
        told = index.copy()
        told[chosen] = other
        for number, share in enumerate(SHARES):
            now = _score(logs, told, share)
            weighted[number] += _precision(now, planted, np.where(planted, 1.0, sound)) / DRAWS
            plain[number] += _precision(now, planted, np.ones(count)) / DRAWS
        by_frequency += _precision(_score(frequency, told, 0.0), planted, np.ones(count)) / DRAWS
    best = int(weighted.argmax())
    score, wrong, chance = _judged(logs, index, everywhere, SHARES[best])
    rest = logs.copy()
    rest[np.arange(count), index] = -np.inf
    return Suspicion(
        score=score,
        chance=chance,
        other=rest.argmax(axis=1),
        wrong=wrong,
        found=float(plain[best]),
        by_frequency=by_frequency,
        share=SHARES[best],
        confident=confident_share(chances, index),
    )


def _judged(
    logs: np.ndarray, index: np.ndarray, flipped: np.ndarray, share: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """Scores of the labels, the estimated share of wrong ones, and each one's chance to be wrong."""
    score, planted = _score(logs, index, share), _score(logs, flipped, share)
    wrong = _share(score, planted)
    return score, wrong, _chance(score, planted, wrong)


def _precision(score: np.ndarray, planted: np.ndarray, weight: np.ndarray) -> float:
    """Average precision of the planted flips; a label counts against them as much as its weight."""
    order = np.argsort(-score, kind="stable")
    hits = planted[order]
    return float((np.cumsum(hits)[hits] / np.cumsum(weight[order])[hits]).mean())


def _share(score: np.ndarray, planted: np.ndarray) -> float:
    """min over s of G(s) / F(s), where F(s) rests on enough flips; see `suspect`."""
    flips, own = np.sort(planted)[::-1], np.sort(score)[::-1]
    above = np.arange(1, len(flips) + 1)
    kept = above >= FOUND * len(flips)
    labels = np.searchsorted(-own, -flips[kept], side="right")
    # One label more than was seen, so that none seen is not taken for none there.
    return float(min(1.0, ((labels + 1) / above[kept]).min()))


def _chance(score: np.ndarray, planted: np.ndarray, wrong: float) -> np.ndarray:
    """P(wrong | s) = ε f_flip(s) / f_all(s), from the isotonic share of flips among flips and labels."""
    xs, ys = fit_isotonic(np.concatenate([score, planted]), np.concatenate([np.zeros(len(score)), np.ones(len(score))]))
    flips = np.clip(apply_isotonic(score, xs, ys), 0.0, 1.0)
    return np.minimum(SUREST, wrong * flips / np.maximum(1.0 - flips, 1e-9))
