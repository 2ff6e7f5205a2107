"""What a few seeds can prove: paired intervals, a correction for many comparisons, a bootstrap over seeds and items."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Paired", "holm", "paired_difference", "resampled_interval", "student_quantile", "student_tails"]

# The quantile is found to this width, far below any digit that is printed.
_EXACT = 1e-12
# Enough that the ends of a 95 % interval move by less than a tenth of its width from seed to seed.
RESAMPLES = 2000
# Numbers held at once while resampling: 80 MB.
_MOST = 10**7


def student_tails(t: float, freedom: int) -> float:
    """P(|T| ≥ t) of Student's distribution with whole degrees of freedom, by its finite series.

    With θ = arctan(t / √ν), A = P(|T| < t) is
    ν odd:  A = 2/π (θ + sin θ (cos θ + 2/3 cos³ θ + 2·4/(3·5) cos⁵ θ + … up to cos^(ν−2))), no series for ν = 1;
    ν even: A = sin θ (1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + … up to cos^(ν−2)).

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4. Written out, because
    SciPy is no dependency.

    >>> round(student_tails(2.776, 4), 3)
    0.05
    """
    assert freedom >= 1
    if math.isinf(t):
        return 0.0
    theta = math.atan(abs(t) / math.sqrt(freedom))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    inside = 2 / math.pi * (theta + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def student_quantile(level: float, freedom: int) -> float:
    """t with P(|T| < t) = level.

    >>> round(student_quantile(0.95, 4), 3)
    2.776
    """
    low, high = 0.0, 1.0
    while student_tails(high, freedom) > 1 - level:
        low, high = high, 2 * high
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        if student_tails(middle, freedom) > 1 - level:
            low = middle
        else:
            high = middle
        if middle in (low, high) and math.nextafter(low, high) == high:
            break
    return high


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A mean difference over seeds.

    Args:
        difference: The mean.
        interval: At the level that was asked for; None with one seed.
        p: Two-sided, not corrected for other comparisons; None with one seed.
        seeds: How many.
    """

    difference: float
    interval: tuple[float, float] | None
    p: float | None
    seeds: int


def paired_difference(differences: Sequence[float], *, overlap: float, level: float = 0.95) -> Paired:
    """The corrected resampled t-test: is the mean of the seeds' differences other than 0?

    t = d̄ / √((1/J + ρ) s²) with J − 1 degrees of freedom, d̄ and s² the mean and the variance (over J − 1) of the
    differences d_1 … d_J of two methods trained with the same seeds, ρ = n_test / n_train.

    The seeds draw their splits from one table, so their results are not independent, and the plain paired t-test
    (ρ = 0) finds differences that are not there. ρ stands for the correlation that the shared rows bring; it is a rule
    and not a theorem, shown to keep the level roughly.

    Source: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52 (2003), section 4 (the
    corrected resampled t-test). Dietterich, Neural Computation 10 (1998), shows what goes wrong without.

    Args:
        differences: Of one seed each.
        overlap: ρ.
        level: Of the interval.

    >>> paired_difference([0.0, 0.0, 0.0], overlap=0.2).p
    1.0
    """
    each = np.asarray(differences, dtype=np.float64)
    mean = float(each.mean())
    if len(each) < 2:
        return Paired(difference=mean, interval=None, p=None, seeds=len(each))
    error = math.sqrt((1 / len(each) + overlap) * float(each.var(ddof=1)))
    if error == 0.0:
        return Paired(difference=mean, interval=(mean, mean), p=1.0 if mean == 0.0 else 0.0, seeds=len(each))
    reach = student_quantile(level, len(each) - 1) * error
    return Paired(
        difference=mean,
        interval=(mean - reach, mean + reach),
        p=student_tails(mean / error, len(each) - 1),
        seeds=len(each),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for being the best of many: comparing each with α keeps the chance of any false finding ≤ α.

    p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)), p_(1) ≤ … ≤ p_(m).

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def resampled_interval(
    differences: Sequence[np.ndarray],
    groups: Sequence[np.ndarray],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Percentile interval of the mean difference per item, by a bootstrap over seeds and, in each, groups of items.

    Every resample draws the seeds with replacement, then in each drawn seed the groups of its test items with
    replacement, and takes the mean over all drawn items. Items of one group stay together, because they are one
    product or one picture, and would count as evidence twice.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8 (hierarchical data).

    Args:
        differences: Per seed (item,) values; NaN is not counted.
        groups: Per seed (item,) whole numbers: which group each item belongs to.
        level: Of the interval.
        resamples: How many.
        seed: Of the draws.

    Returns:
        Low and high; None where nothing is counted.
    """
    drawn = np.random.default_rng(seed)
    sums, counts = [], []
    for values, members in zip(differences, groups, strict=True):
        known = ~np.isnan(values)
        if known.any():
            _, code = np.unique(members[known], return_inverse=True)
            sums.append(np.bincount(code, weights=values[known]))
            counts.append(np.bincount(code).astype(np.float64))
    if not sums:
        return None
    total, number = np.zeros(resamples), np.zeros(resamples)
    times = drawn.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    for place, (added, items) in enumerate(zip(sums, counts, strict=True)):
        block = max(1, _MOST // len(items))
        for start in range(0, resamples, block):
            part = slice(start, start + block)
            # A seed that is drawn k times draws its groups k times anew: k n draws in all.
            weights = drawn.multinomial(times[part, place] * len(items), np.full(len(items), 1 / len(items)))
            total[part] += weights @ added
            number[part] += weights @ items
    low, high = np.quantile(total / number, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
