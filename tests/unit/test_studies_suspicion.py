"""Suspicious labels: the order finds planted flips, is hardly ever worse than plain loss, its chances are fair."""

import numpy as np
import pytest

from facetwise.studies._out_of_fold import folds_of, out_of_fold, project
from facetwise.studies._suspicion import confident_share, suspect


def _blobs(seed: int, *, count: int = 400, classes: int = 5, spread: float = 0.35) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    index = draw.integers(0, classes, count)
    return (np.eye(classes, 8)[index] + spread * draw.standard_normal((count, 8))).astype(np.float32), index


def _flipped(index: np.ndarray, classes: int, seed: int, share: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    wrong = np.zeros(len(index), dtype=bool)
    wrong[draw.permutation(len(index))[: round(share * len(index))]] = True
    told = index.copy()
    told[wrong] = (told[wrong] + draw.integers(1, classes, wrong.sum())) % classes
    return told, wrong


def test_planted_flips_come_first_and_their_share_is_estimated() -> None:
    features, index = _blobs(0)
    told, wrong = _flipped(index, 5, 1)
    chances = out_of_fold(
        project(features), np.eye(5, dtype=np.float32)[told], np.arange(400), folds_of(np.arange(400))
    )
    found = suspect(chances, told)
    first = np.argsort(-found.score)[: wrong.sum()]
    assert wrong[first].mean() >= 0.8
    assert 0.03 <= found.wrong <= 0.08
    assert found.chance[wrong].mean() > 0.6 > 0.1 > found.chance[~wrong].mean()
    assert (found.other[wrong] == index[wrong]).mean() >= 0.9


def test_clean_labels_are_not_called_wrong() -> None:
    features, index = _blobs(2, spread=0.1)
    chances = out_of_fold(
        project(features), np.eye(5, dtype=np.float32)[index], np.arange(400), folds_of(np.arange(400))
    )
    assert (suspect(chances, index).chance >= 0.5).sum() == 0


def test_the_own_label_has_no_part_in_the_answer() -> None:
    features, index = _blobs(3, count=80)
    vectors, folds = project(features), folds_of(np.arange(80))
    truth = np.eye(5, dtype=np.float32)
    before = out_of_fold(vectors, truth[index], np.arange(80), folds)
    changed = index.copy()
    changed[7] = (index[7] + 1) % 5
    after = out_of_fold(vectors, truth[changed], np.arange(80), folds)
    same = folds == folds[7]
    np.testing.assert_array_equal(before[same], after[same])
    assert (before[~same] != after[~same]).any()


def test_rows_of_one_group_are_in_one_fold() -> None:
    groups = np.random.default_rng(0).integers(0, 30, 200)
    folds = folds_of(np.unique(groups, return_inverse=True)[1])
    assert all(len(set(folds[groups == one])) == 1 for one in set(groups.tolist()))
    assert np.ptp(np.bincount(folds)) <= 15


def test_answers_for_rows_without_a_label() -> None:
    features, index = _blobs(4, count=100)
    rows = np.arange(0, 100, 2)
    told = out_of_fold(
        project(features), np.eye(5, dtype=np.float32)[index[rows]], rows, folds_of(np.arange(100)), ask=True
    )
    np.testing.assert_allclose(told.sum(axis=1), 1.0, atol=1e-5)
    assert (told.argmax(axis=1) == index)[1::2].mean() > 0.8


def test_one_group_of_everything_says_nothing() -> None:
    told = out_of_fold(
        np.eye(4, dtype=np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0, 1]], np.arange(4), np.zeros(4, int)
    )
    np.testing.assert_array_equal(told, 0.5)


def test_confident_joint_as_published() -> None:
    """Northcutt, Jiang, Chuang (2021), eq. 1 and 2, written as loops."""
    draw = np.random.default_rng(5)
    chances, index = draw.dirichlet(np.ones(4), 60), draw.integers(0, 4, 60)
    thresholds = [np.mean([p[k] for p, y in zip(chances, index, strict=True) if y == k]) for k in range(4)]
    off = 0
    for p, y in zip(chances, index, strict=True):
        above = [k for k in range(4) if p[k] >= thresholds[k]]
        off += bool(above) and max(above, key=lambda k: p[k]) != y
    assert confident_share(chances, index) == pytest.approx(off / 60)


def test_cleanlab_ranks_no_better() -> None:
    rank = pytest.importorskip("cleanlab.rank", reason="cleanlab is no dependency; its order is compared where it is")
    features, index = _blobs(6)
    told, wrong = _flipped(index, 5, 7)
    chances = out_of_fold(
        project(features), np.eye(5, dtype=np.float32)[told], np.arange(400), folds_of(np.arange(400))
    )
    theirs = rank.get_label_quality_scores(told, chances.astype(float), method="normalized_margin")
    count = wrong.sum()
    assert wrong[np.argsort(-suspect(chances, told).score)[:count]].sum() >= wrong[np.argsort(theirs)[:count]].sum()
