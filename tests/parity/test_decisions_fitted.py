"""Calibration, goals and conformal sets against scikit-learn, scipy, and transcriptions by loop."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, _sigmoid_calibration
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression

from facetwise.decisions import (
    SET_SCORES,
    Goal,
    apply_isotonic,
    conformal_quantile,
    fit_isotonic,
    fit_sigmoid,
    fit_temperature,
    least_confidence,
    least_score,
    temper,
)
from facetwise.decisions._goals import _tails
from facetwise.metrics import calibration_error, error_of_the_calibrated


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _drawn(rows: int, classes: int, *, seed: int, sharper: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that claim too much (or too little) by a temperature, and truths."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 2
    truth = (_softmax(logits).cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return _softmax(logits * sharper), truth


class _Given(ClassifierMixin, BaseEstimator):
    """A classifier whose features are the logarithms of its probabilities."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Given":  # noqa: ARG002
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        # Of two classes scikit-learn takes one number x, and reads it as the logits (-x, x).
        return X if X.shape[1] > 2 else (X[:, 1] - X[:, 0]) / 2

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[X.argmax(axis=1)]


@pytest.mark.parametrize(("classes", "sharper"), [(2, 3.0), (5, 0.4), (30, 1.7)])
def test_temperature_is_that_of_scikit_learn(classes: int, sharper: float) -> None:
    scores, truth = _drawn(700, classes, seed=classes, sharper=sharper)
    logs = np.log(scores)
    theirs = CalibratedClassifierCV(FrozenEstimator(_Given().fit(logs, truth)), method="temperature", ensemble=False)
    theirs.fit(logs, truth)
    ours = temper(scores, fit_temperature(scores, truth))
    np.testing.assert_allclose(ours, theirs.predict_proba(logs), atol=1e-6)


@pytest.mark.parametrize(("rows", "shift", "spread"), [(40, 0.0, 1.0), (500, -3.0, 4.0), (3000, 1.0, 12.0)])
def test_sigmoid_is_that_of_scikit_learn(rows: int, shift: float, spread: float) -> None:
    rng = np.random.default_rng(rows)
    odds = rng.normal(size=rows) * spread + shift
    truth = rng.random(rows) < 1 / (1 + np.exp(-0.6 * odds - 0.4))
    slope, offset = fit_sigmoid(odds, truth)
    a, b = _sigmoid_calibration(odds, truth.astype(float))
    np.testing.assert_allclose((slope, offset), (-a, -b), rtol=2e-3, atol=2e-4)


def test_sigmoid_of_rows_that_are_told_apart_stays_finite() -> None:
    odds = np.linspace(-50, 50, 60)
    slope, offset = fit_sigmoid(odds, odds > 0)
    a, b = _sigmoid_calibration(odds, (odds > 0).astype(float))
    np.testing.assert_allclose((slope, offset), (-a, -b), rtol=5e-2, atol=5e-2)


@pytest.mark.parametrize("rows", [1, 2, 25, 1500])
def test_isotonic_is_that_of_scikit_learn(rows: int) -> None:
    rng = np.random.default_rng(rows)
    odds = np.round(rng.normal(size=rows), 2)  # ties
    truth = rng.random(rows) < 1 / (1 + np.exp(-odds))
    theirs = IsotonicRegression(out_of_bounds="clip").fit(odds, truth.astype(float))
    where = np.concatenate([odds, np.linspace(-5, 5, 101)])
    np.testing.assert_allclose(apply_isotonic(where, *fit_isotonic(odds, truth)), theirs.predict(where), atol=1e-12)


def test_tails_are_those_of_scipy() -> None:
    trials = np.array([1, 7, 76, 400, 5000])
    for chance in (0.03, 0.1, 0.5):
        for share in (0.0, 0.03, 0.5, 1.0):
            successes = (trials * share).astype(int)
            np.testing.assert_allclose(
                _tails(successes, trials, chance), binom.cdf(successes, trials, chance), rtol=1e-9
            )


@pytest.mark.parametrize("risk", [0.1, 0.25])
def test_least_confidence_by_loop(risk: float) -> None:
    """Every cut in turn, with scipy's tail."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        confidence = np.round(rng.beta(5, 1, size=int(rng.integers(20, 900))), 3)
        right = rng.random(len(confidence)) < confidence
        fewest = next(n for n in range(1, 10_000) if 0.9**n <= risk)
        ranked, best = sorted(confidence.tolist(), reverse=True), 2.0
        size = fewest
        while len(ranked) >= fewest:
            above = confidence >= ranked[size - 1]
            if binom.cdf((~right[above]).sum(), above.sum(), 0.1) <= risk:
                best = ranked[size - 1]
            if size == len(ranked):
                break
            size = min(len(ranked), max(size + 1, int(size * 1.03)))
        assert least_confidence(confidence, right, 0.9, risk=risk).value == best


def test_recall_by_loop() -> None:
    rng = np.random.default_rng(0)
    for rows in (10, 60, 300):
        chance = rng.random(rows)
        truth = rng.random(rows) < chance
        own = np.sort(chance[truth])
        passed = [k for k in range(1, len(own) + 1) if binom.cdf(k - 1, len(own), 0.2) <= 0.25]
        found = least_score(chance, truth, Goal("recall", 0.8))
        assert found.value == (own[passed[-1] - 1] if passed else 0.0)
        assert (found.why is None) == bool(passed)


def _by_loop(method: str, chances: np.ndarray, uniform: np.ndarray | None) -> np.ndarray:
    """Sadinle, Lei, Wasserman 2019 and Romano, Sesia, Candès 2020, class by class."""
    found = np.zeros(chances.shape)
    for row in range(len(chances)):
        for own in range(chances.shape[1]):
            if method == "lac":
                found[row, own] = 1 - chances[row, own]
                continue
            above = sum(p for p in chances[row] if p > chances[row, own])
            found[row, own] = above + chances[row, own] * (0.0 if uniform is None else 1 - uniform[row])
    return found


@pytest.mark.parametrize("method", sorted(SET_SCORES))
@pytest.mark.parametrize("randomised", [False, True])
def test_set_scores_by_loop(method: str, randomised: bool) -> None:
    """lac and aps."""
    rng = np.random.default_rng(1)
    chances = rng.dirichlet(np.full(6, 0.4), size=200)
    uniform = rng.random(200) if randomised else None
    np.testing.assert_allclose(SET_SCORES[method](chances, uniform), _by_loop(method, chances, uniform), atol=1e-12)


def test_conformal_quantile_by_counting() -> None:
    """The least of the scores that at least (n + 1) coverage of them do not exceed."""
    rng = np.random.default_rng(2)
    for rows in (0, 1, 8, 9, 10, 99, 100, 101):
        scores = rng.random(rows)
        enough = [s for s in sorted(scores) if (scores <= s).sum() >= 0.9 * (rows + 1) - 1e-9]
        assert conformal_quantile(scores, 0.9) == (enough[0] if enough else None)


def test_calibration_error_by_loop() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.random(450)
    right = rng.random(450) < confidence**2
    order = np.argsort(confidence)
    bins = np.array_split(order, 15)
    expected = sum(len(b) / 450 * abs(right[b].mean() - confidence[b].mean()) for b in bins)
    assert calibration_error(confidence, right) == pytest.approx(expected, abs=1e-9)


def test_error_of_the_calibrated_is_exceeded_by_one_in_twenty() -> None:
    rng = np.random.default_rng(4)
    confidence = rng.beta(6, 1, size=500)
    bound = error_of_the_calibrated(confidence)
    found = [calibration_error(confidence, rng.random(500) < confidence) for _ in range(600)]
    assert 0.02 <= np.mean([error > bound for error in found]) <= 0.09


def test_error_of_the_calibrated_drawn_at_once_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    confidence = np.random.default_rng(5).uniform(0.3, 0.9, size=3000)
    slowly = error_of_the_calibrated(confidence)
    monkeypatch.setattr("facetwise.metrics._calibration_error.MOST_DRAWN", 100)
    assert error_of_the_calibrated(confidence) == pytest.approx(slowly, rel=0.05)
