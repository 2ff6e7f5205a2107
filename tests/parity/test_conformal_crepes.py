"""Prediction sets and intervals against crepes, on the same scores, with and without categories."""

import numpy as np
import pytest
from crepes import ConformalClassifier, ConformalRegressor
from crepes.extras import hinge

from facetwise.decisions import SET_SCORES, fit_conformal, intervals, prediction_sets
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema

KINDS, CLASSES = ("shoe", "shirt", "hat"), tuple("abcdef")
SCHEMA = Schema(
    images=("image",),
    category="kind",
    attributes=(
        Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=KINDS),
        Attribute(column="cut", id="a01", kind=Kind.CATEGORICAL, classes=CLASSES),
        Attribute(column="weight", id="a02", kind=Kind.NUMERIC),
    ),
)
CUT, WEIGHT = (block.scores for block in SCHEMA.layout().blocks[1:])
# Rows by category. (n + 1) coverage is never a whole number: there crepes, by rounded floats, may take the next rank.
SIZES, ONE_SIZE = (311, 127, 43), (233, 0, 0)


def _drawn(sizes: tuple[int, ...], *, seed: int) -> tuple[np.ndarray, Labels, np.ndarray]:
    """Chances and numbers, hats being the worst known."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), sizes)
    rows = len(kind)
    honest = rng.dirichlet(np.full(6, 0.4), size=rows)
    truth = (honest.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    claimed = honest ** (1.0 + kind[:, None])
    claimed /= claimed.sum(axis=1, keepdims=True)
    deviation = rng.uniform(0.2, 2.0, size=rows)
    weight = 5 + rng.normal(size=rows) * deviation * (1 + kind)
    chances = np.column_stack([np.eye(3)[kind], claimed, np.full(rows, 5.0), deviation])
    nothing = np.full(rows, np.nan)
    labels = Labels(
        state=np.full((rows, 3), VALUE, np.int8),
        index=np.column_stack([kind, truth, np.full(rows, -1)]).astype(np.int32),
        members=np.zeros(chances.shape, np.uint8),
        number=np.column_stack([nothing, nothing, weight]),
    )
    return chances, labels, kind


def _with_the_best(sets: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Ours are never empty."""
    sets = sets.astype(bool)
    sets[np.arange(len(sets)), chances.argmax(axis=1)] = True
    return sets


@pytest.mark.parametrize("coverage", [0.55, 0.9, 0.993])
@pytest.mark.parametrize("sizes", [ONE_SIZE, SIZES])
@pytest.mark.parametrize("method", sorted(SET_SCORES))
def test_sets_are_those_of_crepes(method: str, sizes: tuple[int, ...], coverage: float) -> None:
    """With categories theirs are Mondrian; shirts and hats have too few for .993 and are one category, as hats are
    of their own for less."""
    chances, labels, kind = _drawn(sizes, seed=1)
    new, _, new_kind = _drawn((60, 60, 60) if sizes == SIZES else (180, 0, 0), seed=2)
    score = hinge if method == "lac" else SET_SCORES[method]
    own = SET_SCORES[method](chances[:, CUT])[np.arange(len(kind)), labels.index[:, 1]]
    if method == "lac":
        np.testing.assert_allclose(
            own, hinge(chances[:, CUT], np.array(CLASSES), np.array(CLASSES)[labels.index[:, 1]])
        )
    bins, new_bins = (np.where((each > 0) & (coverage > 0.99), 9, each) for each in (kind, new_kind))
    theirs = (
        ConformalClassifier()
        .fit(own, bins=bins)
        .predict_set(score(new[:, CUT]), bins=new_bins, confidence=coverage, smoothing=False)
    )
    fitted, _ = fit_conformal(SCHEMA, chances, labels, kind, method=method, coverage=coverage)
    ours = prediction_sets(SCHEMA, fitted["a01"], new[:, CUT], new_kind)
    np.testing.assert_array_equal(ours, _with_the_best(theirs, new[:, CUT]))
    assert coverage < 0.6 or 1 < ours.sum(axis=1).mean() < 6


@pytest.mark.parametrize("coverage", [0.55, 0.9])
@pytest.mark.parametrize("sizes", [ONE_SIZE, SIZES])
def test_intervals_are_those_of_crepes(sizes: tuple[int, ...], coverage: float) -> None:
    chances, labels, kind = _drawn(sizes, seed=3)
    new, _, new_kind = _drawn((60, 60, 60) if sizes == SIZES else (180, 0, 0), seed=4)
    mean, deviation = chances[:, WEIGHT].T
    theirs = ConformalRegressor().fit(labels.number[:, 2] - mean, sigmas=deviation, bins=kind)
    fitted, _ = fit_conformal(SCHEMA, chances, labels, kind, method="lac", coverage=coverage)
    ours = intervals(SCHEMA, SCHEMA.attributes[2], fitted["a02"], new[:, WEIGHT], new_kind)
    mean, deviation = new[:, WEIGHT].T
    np.testing.assert_allclose(ours, theirs.predict_int(mean, sigmas=deviation, bins=new_kind, confidence=coverage))
