"""Student's distribution, Holm's correction and the two intervals, against SciPy and brute force."""

import itertools

import numpy as np
import pytest
from scipy import stats

from facetwise.studies import holm, paired_difference, resampled_interval
from facetwise.studies._statistics import student_quantile, student_tails


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 9, 30, 99, 100])
def test_tails_are_those_of_scipy(freedom: int) -> None:
    for t in (0.0, 1e-6, 0.1, 0.7, 1.0, 2.5, -2.5, 6.0, 40.0):
        assert student_tails(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-6, abs=1e-13)
    assert student_tails(float("inf"), freedom) == 0.0


@pytest.mark.parametrize("freedom", [1, 2, 4, 7, 24])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(freedom: int, level: float) -> None:
    assert student_quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


def _closed_bonferroni(p_values: list[float]) -> list[float]:
    """Holm's procedure is the closure of Bonferroni's: reject i where every set with i in it is rejected."""
    places = range(len(p_values))
    sets = [chosen for size in range(1, len(p_values) + 1) for chosen in itertools.combinations(places, size)]
    return [
        max(min(1.0, len(chosen) * min(p_values[j] for j in chosen)) for chosen in sets if place in chosen)
        for place in places
    ]


def test_holm_is_the_closure_of_bonferroni() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 5, 8):
        for _ in range(20):
            p_values = list(rng.random(size) ** 3)
            assert holm(p_values) == pytest.approx(_closed_bonferroni(p_values))
    assert holm([]) == []
    assert holm([0.5, 0.5]) == [1.0, 1.0]


def test_without_overlap_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    for size in (2, 3, 5, 12):
        first, second = rng.normal(size=size), rng.normal(0.3, 1, size=size)
        found, wanted = paired_difference(list(first - second), overlap=0.0), stats.ttest_rel(first, second)
        assert found.p == pytest.approx(wanted.pvalue)
        assert found.interval == pytest.approx(tuple(wanted.confidence_interval(0.95)))


def test_the_overlap_widens_the_interval_by_its_formula() -> None:
    each = [0.01, 0.03, 0.02, 0.05, -0.01]
    plain, corrected = paired_difference(each, overlap=0.0), paired_difference(each, overlap=0.25)
    width = (corrected.interval[1] - corrected.interval[0]) / (plain.interval[1] - plain.interval[0])
    assert width == pytest.approx(np.sqrt((1 / 5 + 0.25) / (1 / 5)))
    assert corrected.p > plain.p
    assert corrected.difference == plain.difference


def test_nothing_differs_where_nothing_differs() -> None:
    assert paired_difference([0.0] * 4, overlap=0.2).p == 1.0
    assert paired_difference([0.1], overlap=0.2).p is None


def test_the_plain_test_finds_too_much_on_overlapping_splits_and_the_corrected_one_does_not() -> None:
    # Two equally good methods: each seed draws 30 of 100 items for its test; right or wrong is a coin per item.
    rng, size, test = np.random.default_rng(2), 100, 30
    false = {0.0: 0, test / (size - test): 0}
    for _ in range(400):
        difference = rng.integers(0, 2, size) - rng.integers(0, 2, size)
        each = [float(difference[rng.permutation(size)[:test]].mean()) for _ in range(8)]
        for overlap in false:
            false[overlap] += paired_difference(each, overlap=overlap).p < 0.05
    plain, corrected = (count / 400 for count in false.values())
    assert plain > 0.2
    assert corrected < 0.08


def test_the_bootstrap_keeps_groups_and_seeds_together() -> None:
    rng = np.random.default_rng(3)
    differences = [rng.normal(0.1, 0.5, 60), rng.normal(0.2, 0.5, 60)]
    alone, paired = [np.arange(60)] * 2, [np.arange(60) // 2] * 2
    doubled = [np.repeat(each, 2) for each in differences]
    low, high = resampled_interval(differences, alone)
    # Every item twice, in one group with itself, is no new evidence.
    assert resampled_interval(doubled, [np.arange(120) // 2] * 2) == pytest.approx((low, high), abs=1e-12)
    apart = resampled_interval(doubled, [np.arange(120)] * 2)
    assert apart[1] - apart[0] < 0.95 * (high - low)
    assert resampled_interval(differences, paired) != (low, high)


def test_the_bootstrap_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(4)
    differences = [rng.normal(0.2, 1, 25), rng.normal(0.0, 1, 30), rng.normal(0.1, 1, 20)]
    groups = [rng.integers(0, 12, len(each)) for each in differences]
    means = []
    for _ in range(4000):
        drawn = []
        for seed in rng.integers(0, 3, 3):
            names = np.unique(groups[seed])
            for name in rng.choice(names, len(names)):
                drawn += list(differences[seed][groups[seed] == name])
        means.append(np.mean(drawn))
    wanted = np.quantile(means, [0.025, 0.975])
    assert resampled_interval(differences, groups, resamples=4000) == pytest.approx(tuple(wanted), abs=0.03)


def test_the_bootstrap_leaves_unlabelled_items_out() -> None:
    values = np.array([0.5, np.nan, 0.5, np.nan])
    assert resampled_interval([values], [np.arange(4)]) == (0.5, 0.5)
    assert resampled_interval([np.full(4, np.nan)], [np.arange(4)]) is None
