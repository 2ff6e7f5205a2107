"""Shifts by class: weights of rare classes are undone in the confidence, and in nothing else."""

import numpy as np
import pytest
from scipy.optimize import minimize

from facetwise.decisions import Calibration, Policy, calibrate, decide, fit_calibration, temper
from facetwise.decisions._class_shift import fit_shift, shifted
from facetwise.schema import VALUE
from made_facets import made_labels, made_schema

SCHEMA = made_schema()
PLACE = SCHEMA.index["colour"]
BLOCK = SCHEMA.layout().blocks[PLACE]
IDENTITY = SCHEMA.attributes[PLACE].id
SHARES = np.array([0.7, 0.2, 0.07, 0.03])


def _said(rows: int, power: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a network answers that learnt with weights n_c^-power, the classes, and P(class | picture)."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(4, rows, p=SHARES)
    seen = np.eye(4)[truth] * 1.5 + draw.standard_normal((rows, 4))
    posterior = np.exp(1.5 * seen) * SHARES
    weighted = posterior * SHARES**-power
    return weighted / weighted.sum(axis=1, keepdims=True), truth, posterior / posterior.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_weights_are_undone(power: float) -> None:
    said, truth, posterior = _said(4000, power)
    found = fit_shift(said, truth, 10_000 * SHARES, 1.0)
    assert found is not None
    shifts, temperature = found
    share = shifts @ (logs := np.log(SHARES) - np.log(SHARES).mean()) / (logs @ logs)
    assert share == pytest.approx(power, abs=0.1)
    assert temperature == pytest.approx(1.0, abs=0.1)
    chances = temper(shifted(said, shifts), temperature)
    assert np.abs(chances - posterior).mean() < 0.01 < np.abs(said - posterior).mean() / 3


def test_the_minimum_is_that_of_a_plain_search() -> None:
    said, truth, _ = _said(700, 0.8, seed=3)
    counts = np.array([900.0, 300.0, 40.0, 11.0])
    frequency = np.log(counts) - np.log(counts).mean()

    def loss(point: np.ndarray) -> float:
        given = point[0] * np.log(said) + point[1] * frequency
        given -= np.log(np.exp(given).sum(axis=1, keepdims=True))
        return -given[np.arange(700), truth].sum()

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 5000}).x
    shifts, temperature = fit_shift(said, truth, counts, 1.3)
    np.testing.assert_allclose(1.0 / temperature, best[0], rtol=1e-5)
    np.testing.assert_allclose(shifts / temperature, best[1] * frequency, rtol=1e-4)


def test_nothing_is_shifted_without_evidence() -> None:
    """Of a hundred networks that learnt without weights about one is shifted; none where classes are as frequent."""
    shifts = [fit_shift(*_said(200, 0.0, seed=seed)[:2], 1000 * SHARES, 1.0) for seed in range(100)]
    assert sum(found is not None for found in shifts) <= 5
    said, truth, _ = _said(500, 1.0)
    assert fit_shift(said, truth, np.full(4, 90.0), 1.0) is None


def test_certain_rows_and_classes_without_training_rows() -> None:
    said, truth, _ = _said(500, 1.0)
    said = np.concatenate([said, np.eye(4)[truth]])
    found = fit_shift(said, np.concatenate([truth, truth]), np.array([700, 200, 70, 0]), 1.0)
    assert found is not None
    chances = temper(shifted(said, found[0]), found[1])
    np.testing.assert_array_equal(chances[500:], said[500:])
    assert np.isfinite(chances).all()


def test_confidence_follows_and_no_decision_does() -> None:
    """A rare class that was said too often is said as often, and is no longer sure."""
    said, truth, _ = _said(3000, 1.0)
    scores = np.full((3000, SCHEMA.layout().num_scores), 0.5, np.float32)
    scores[:, BLOCK.scores] = said
    applies = np.ones((3000, len(SCHEMA.attributes)), np.float32)
    labels = made_labels(SCHEMA, 3000)
    labels.state[:, PLACE], labels.index[:, PLACE] = VALUE, truth
    calibration, _ = fit_calibration(SCHEMA, scores, applies, labels, labels)
    assert len(calibration.shifts[IDENTITY]) == 4
    plain = decide(SCHEMA, scores, applies)
    found = decide(SCHEMA, scores, applies, policy=Policy(calibration=calibration))
    np.testing.assert_array_equal(found.index, plain.index)
    right = found.index[:, PLACE] == truth
    rare = found.index[:, PLACE] >= 2
    assert found.confidence[rare, PLACE].mean() == pytest.approx(right[rare].mean(), abs=0.05)
    assert plain.confidence[rare, PLACE].mean() > right[rare].mean() + 0.1
    # Some of them are then less probable than another class, which is said to be so.
    overtaken = found.chances[:, BLOCK.scores].argmax(axis=1) != found.index[:, PLACE]
    assert overtaken.any()
    surest = [right[np.argsort(-each.confidence[:, PLACE])[:1500]].mean() for each in (found, plain)]
    assert surest[0] > surest[1] + 0.01


def test_classes_that_were_learnt_later_are_not_shifted() -> None:
    given = np.array([[0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(shifted(given, np.log([4.0, 2.0])), [[1.0, 0.5, 0.25, 0.25]])
    scores = np.full((1, SCHEMA.layout().num_scores), 0.25, np.float32)
    policy = Calibration(temperatures={IDENTITY: 1.0}, shifts={IDENTITY: tuple(np.log([4.0, 2.0]))})
    chances, _ = calibrate(SCHEMA, policy, scores, np.ones((1, len(SCHEMA.attributes)), np.float32))
    np.testing.assert_allclose(chances[0, BLOCK.scores], [0.5, 0.25, 0.125, 0.125], rtol=1e-6)
