"""Calibration: what it must leave alone, what it must say, and that it is applied the same everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetwise.decisions import (
    Calibration,
    Decisions,
    Policy,
    calibrate,
    decide,
    fit_calibration,
    fit_policy,
    fit_temperature,
    scores_from_logits,
    straighten,
    temper,
)
from facetwise.metrics import calibration_error
from facetwise.schema import UNKNOWN, VALUE, Coding, Kind, Labels
from made_facets import made_labels, made_logits, made_scales, made_schema

SCHEMA = made_schema()
SCALES = made_scales(SCHEMA, made_labels(SCHEMA, 60))
BLOCKS = SCHEMA.layout().blocks
# A temperature apart at each level of the hierarchy, and a line for every label.
FITTED = Calibration(
    temperatures={"a00": 1.6, "a01": 0.6, "a02": 2.5, "a03": 0.7, "a06": 1.3},
    labels={"a04": ((0.8, -0.2),), "a05": ((1.4, 0.1), None, ((-2.0, 0.0, 2.0), (0.1, 0.4, 0.9)))},
    applies={"a09": (0.7, 0.3)},
    tops={"a03": (0.3, -2.0)},
)


def _scores(items: int, seed: int = 0, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    return scores_from_logits(SCHEMA, SCALES, spread * made_logits(SCHEMA, items, seed=seed).numpy())


@given(seed=st.integers(0, 999), spread=st.sampled_from([0.1, 1.0, 5.0, 40.0]))
def test_the_most_probable_class_stays_on_every_level(seed: int, spread: float) -> None:
    scores, applies = _scores(25, seed, spread)
    chances, _ = calibrate(SCHEMA, FITTED, scores, applies)
    for attribute, block in zip(SCHEMA.attributes, BLOCKS, strict=True):
        if attribute.kind is Kind.CATEGORICAL:
            own, before = chances[:, block.scores], scores[:, block.scores]
            # Where nearly all mass lies on lone classes there may be none to share out.
            sound = np.abs(before.sum(axis=1) - 1) < 1e-5
            np.testing.assert_allclose(own.sum(axis=1)[sound], 1.0, atol=1e-5)
            chosen = np.take_along_axis(own, before.argmax(axis=1)[:, None], axis=1)[:, 0]
            assert (chosen >= own.max(axis=1) - 1e-6).all(), attribute.column


def test_no_decision_changes_only_its_confidence() -> None:
    scores, applies = _scores(400)
    thresholds = {"a04": (0.3,), "a05": (0.2, 0.5, 0.8)}
    before = decide(SCHEMA, scores, applies, thresholds=thresholds)
    after = decide(SCHEMA, scores, applies, thresholds=thresholds, policy=Policy(calibration=FITTED))
    for name in ("state", "index", "members", "number", "scores", "applies"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)
    moved = np.abs(after.confidence - before.confidence)
    for place, attribute in enumerate(SCHEMA.attributes):
        if attribute.id in {**FITTED.temperatures, **FITTED.labels, **FITTED.applies}:
            assert np.nanmax(moved[:, place]) > 0.01, attribute.column


def test_an_empty_policy_changes_no_bit() -> None:
    scores, applies = _scores(50)
    before, after = decide(SCHEMA, scores, applies), decide(SCHEMA, scores, applies, policy=Policy())
    for name in Decisions.__slots__:
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)


def test_children_still_add_up_to_their_parent() -> None:
    """Where no class stands alone; lone classes keep their share of the rest."""
    attributes = tuple(
        replace(a, parent=replace(a.parent, alone=())) if a.parent is not None else a for a in SCHEMA.attributes
    )
    # Without lone classes every class needs a child.
    whole = {"shirt": "clothes", "dress": "clothes", "heel": "shoes", "flat": "shoes", "tote": "bags"}
    fine = {f"{name} {n}": name for name in whole for n in range(2)}
    attributes = tuple(
        replace(a, classes=tuple(fine), parent=replace(a.parent, of=fine)) if a.column == "fine" else a
        for a in attributes
    )
    schema = replace(SCHEMA, attributes=attributes)
    blocks = schema.layout().blocks
    scales = made_scales(schema, made_labels(SCHEMA, 60))
    scores, applies = scores_from_logits(schema, scales, made_logits(schema, 300).numpy())
    chances, _ = calibrate(schema, FITTED, scores, applies)
    assert np.abs(chances - scores).max() > 0.05
    for attribute in schema.attributes:
        if attribute.parent is None:
            continue
        above = schema.attribute(attribute.parent.column)
        own = chances[:, blocks[schema.index[attribute.column]].scores]
        upper = chances[:, blocks[schema.index[above.column]].scores]
        for number, name in enumerate(above.classes):
            children = [n for n, child in enumerate(attribute.classes) if attribute.parent.of[child] == name]
            np.testing.assert_allclose(own[:, children].sum(axis=1), upper[:, number], atol=2e-6)


def test_what_is_certain_stays_certain() -> None:
    known = made_labels(SCHEMA, 40, unknown=0.4)
    scores, applies = scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, 40).numpy(), given=known)
    chances, sure = calibrate(SCHEMA, FITTED, scores, applies)
    np.testing.assert_array_equal(sure[known.state == VALUE], 1.0)
    for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, BLOCKS, strict=True)):
        rows = known.state[:, place] == VALUE
        if attribute.kind is not Kind.NUMERIC:
            np.testing.assert_array_equal(chances[rows][:, block.scores], scores[rows][:, block.scores])


@given(seed=st.integers(0, 99), temperature=st.floats(0.06, 19.0))
def test_classes_have_no_order(seed: int, temperature: float) -> None:
    rng = np.random.default_rng(seed)
    scores, order = rng.dirichlet(np.ones(6), size=30), rng.permutation(6)
    truth = rng.integers(6, size=30)
    np.testing.assert_allclose(temper(scores[:, order], temperature), temper(scores, temperature)[:, order], rtol=1e-12)
    moved = fit_temperature(scores[:, order], np.argsort(order)[truth])
    assert moved == pytest.approx(fit_temperature(scores, truth), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(7)
    honest = rng.dirichlet(np.full(8, 0.3), size=40_000)
    truth = (honest.cumsum(axis=1) > rng.random((len(honest), 1))).argmax(axis=1)
    assert fit_temperature(temper(honest, 1 / temperature), truth) == pytest.approx(temperature, rel=0.05)


def test_a_child_is_tempered_within_its_parent() -> None:
    """Confident about the parent, doubtful about the child: each level gets its own temperature."""
    rng = np.random.default_rng(8)
    parents = np.array([0, 0, 1, 1])
    upper, within = rng.dirichlet([0.5, 0.5], size=20_000), rng.dirichlet([0.4, 0.4], size=(20_000, 2))
    honest = (upper[:, :, None] * within).reshape(-1, 4)
    truth = (honest.cumsum(axis=1) > rng.random((len(honest), 1))).argmax(axis=1)
    claimed = (upper[:, :, None] * temper(within.reshape(-1, 2), 0.5).reshape(-1, 2, 2)).reshape(-1, 4)
    assert fit_temperature(claimed, truth, groups=parents) == pytest.approx(2.0, rel=0.06)


def _judged(labels: Labels, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that claim too much: right seven times in ten, sure of nine in ten."""
    rng = np.random.default_rng(seed)
    items = len(labels)
    scores = np.full((items, SCHEMA.layout().num_scores), 0.5, np.float32)
    for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, BLOCKS, strict=True)):
        width = block.score_stop - block.score_start
        right = rng.random((items, width)) < 0.7
        if block.coding is Coding.GAUSS:
            continue
        if attribute.kind is Kind.MULTILABEL:
            scores[:, block.scores] = np.where((labels.members[:, block.scores] > 0) == right, 0.93, 0.07)
            continue
        said = np.where(right[:, 0], labels.index[:, place], rng.integers(width, size=items))
        scores[:, block.scores] = 0.1 / (width - 1)
        scores[np.arange(items), block.score_start + np.maximum(said, 0)] = 0.9
    return scores, np.ones(labels.state.shape, np.float32)


def test_confidence_comes_near_the_truth() -> None:
    labels, fresh = made_labels(SCHEMA, 1500, seed=1), made_labels(SCHEMA, 1500, seed=2)
    calibration, _ = fit_calibration(SCHEMA, *_judged(labels, 1), labels, labels)
    scores, applies = _judged(fresh, 2)
    chances, _ = calibrate(SCHEMA, calibration, scores, applies)
    place = SCHEMA.index["colour"]
    rows, block = fresh.state[:, place] == VALUE, BLOCKS[place]
    right = scores[rows, block.scores].argmax(axis=1) == fresh.index[rows, place]
    assert abs(scores[rows, block.scores].max(axis=1).mean() - right.mean()) > 0.08
    assert abs(chances[rows, block.scores].max(axis=1).mean() - right.mean()) < 0.02
    season = BLOCKS[SCHEMA.index["season"]]
    rows = fresh.state[:, SCHEMA.index["season"]] == VALUE
    truth = fresh.members[rows, season.score_start] > 0
    assert abs(chances[rows, season.score_start].mean() - truth.mean()) < 0.05


def test_too_few_labels_change_nothing_and_say_so() -> None:
    labels = made_labels(SCHEMA, 12, seed=3)
    calibration, flags = fit_calibration(SCHEMA, *_judged(labels, 3), labels, labels)
    assert calibration.temperatures == {}
    assert all(line is None for lines in calibration.labels.values() for line in lines)
    kinds = (Kind.CATEGORICAL, Kind.ORDINAL, Kind.BINARY, Kind.MULTILABEL)
    assert set(flags) == {a.id for a in SCHEMA.attributes if a.kind in kinds}
    assert all("not calibrated" in told for found in flags.values() for told in found)


def test_unknown_cells_do_not_count() -> None:
    labels = made_labels(SCHEMA, 800, seed=4, unknown=0.0)
    scores, applies = _judged(labels, 4)
    hidden = np.arange(800) >= 500
    state = labels.state.copy()
    state[hidden] = UNKNOWN
    masked = replace(labels, state=state)
    first, _ = fit_calibration(SCHEMA, scores, applies, masked, labels)
    seen = labels.take(np.flatnonzero(~hidden))
    second, _ = fit_calibration(SCHEMA, scores[~hidden], applies[~hidden], seen, labels)
    assert first == second


def test_curves_need_a_thousand_rows() -> None:
    labels = made_labels(SCHEMA, 1400, seed=5, unknown=0.0)
    scores, applies = _judged(labels, 5)
    few = labels.take(np.arange(900))
    for given_labels, expected in ((labels, True), (few, False)):
        count = len(given_labels)
        found, _ = fit_calibration(SCHEMA, scores[:count], applies[:count], given_labels, labels, curve=True)
        curves = [isinstance(line[0], tuple) for line in found.labels["a05"] if line is not None]
        assert all(curves) == expected
        assert any(curves) == expected
    fitted, _ = fit_calibration(SCHEMA, scores, applies, labels, labels, curve=True)
    chances, _ = calibrate(SCHEMA, fitted, scores, applies)
    own = chances[:, BLOCKS[SCHEMA.index["season"]].scores]
    assert own.min() > 0
    assert own.max() < 1


def test_none_fits_no_calibration() -> None:
    labels = made_labels(SCHEMA, 500, seed=6)
    _, policy = fit_policy(SCHEMA, *_judged(labels, 6), labels, labels, calibration="none")
    assert policy.calibration == Calibration()


def test_the_top_class_keeps_the_others_in_proportion_and_certainty_stays() -> None:
    given = np.array([[0.6, 0.3, 0.1], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = straighten(given, given.argmax(axis=1), 2.0, 0.5)
    expected = 1 / (1 + np.exp(-(2.0 * np.log(0.6 / 0.4) + 0.5)))
    np.testing.assert_allclose(found[0], [expected, (1 - expected) * 0.75, (1 - expected) * 0.25], rtol=1e-12)
    np.testing.assert_array_equal(found[2:], given[2:])
    np.testing.assert_allclose(found[:3].sum(axis=1), 1.0, rtol=1e-12)
    # However doubtful it becomes, nothing overtakes it.
    doubtful = straighten(given, given.argmax(axis=1), 0.1, -6.0).astype(np.float32)
    assert doubtful[:2].argmax(axis=1).tolist() == [0, 0]
    np.testing.assert_allclose(doubtful[0, 0], doubtful[0, 1], rtol=1e-5)


def test_a_line_for_the_top_class_is_fitted_where_a_temperature_does_not_do() -> None:
    """A confidence that means another share of right answers in the middle than at the ends."""
    place = SCHEMA.index["colour"]
    block, draw = BLOCKS[place], np.random.default_rng(0)
    count, rows = block.score_stop - block.score_start, 4000
    top = draw.uniform(1.5 / count, 0.95, rows)
    right = draw.random(rows) < 1 / (1 + np.exp(-(2.0 * np.log(top / (1 - top)) - 0.8)))
    scores, applies = _scores(rows)
    scores = scores.copy()
    others = draw.dirichlet(np.full(count - 1, 50.0), rows) * (1 - top)[:, None]
    scores[:, block.scores] = np.concatenate([top[:, None], others], axis=1)
    labels = made_labels(SCHEMA, rows)
    labels.state[:, place] = VALUE
    labels.index[:, place] = np.where(right, 0, draw.integers(1, count, rows))
    even = made_labels(SCHEMA, 4 * count)  # classes that are as frequent: no shifts
    even.state[:, place], even.index[:, place] = VALUE, np.arange(4 * count) % count
    fitted, _ = fit_calibration(SCHEMA, scores, applies, labels, even)
    assert "a03" in fitted.tops
    chances, _ = calibrate(SCHEMA, fitted, scores, applies)
    only = replace(fitted, tops={})
    before, _ = calibrate(SCHEMA, only, scores, applies)
    error = [calibration_error(each[:, block.scores].max(axis=1), right) for each in (before, chances)]
    assert error[1] < 0.5 * error[0], error
    # A sample of what is calibrated needs none.
    honest = draw.random(rows) < top
    labels.index[:, place] = np.where(honest, 0, draw.integers(1, count, rows))
    assert "a03" not in fit_calibration(SCHEMA, scores, applies, labels, even)[0].tops
