"""Intervals, curves, confusions and tiers against brute force, scikit-learn and made data with a known truth."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics as oracle

from facetwise.decisions import ABSTAINED, Decisions
from facetwise.errors import UserError
from facetwise.metrics import Evaluation, confusion, evaluate, reliability_curve, risk_coverage_curve
from facetwise.metrics import _bootstrap as bootstrap
from facetwise.metrics import _confusion as counting
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema

CLASSES = tuple("abcdef")
COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=CLASSES)
PRICE = Attribute(column="price", id="a01", kind=Kind.NUMERIC)
SCHEMA = Schema(images=("image",), attributes=(COLOUR, PRICE))


def made(items: int, *, right: float = 0.7, seed: int = 0, state: np.ndarray | None = None) -> tuple[Labels, Decisions]:
    rng = np.random.default_rng(seed)
    shape, width = (items, 2), SCHEMA.layout().num_scores
    index = np.full(shape, -1, np.int32)
    index[:, 0] = (6 * rng.random(items) ** 2).astype(int)
    number = np.full(shape, np.nan)
    number[:, 1] = rng.normal(size=items)
    truth = Labels(
        state=np.full(shape, VALUE, np.int8) if state is None else state, index=index,
        members=Labels.no_members(items, width), number=number,
    )  # fmt: skip
    given, told = index.copy(), number + 0.5 * rng.normal(size=shape)
    wrong = rng.random(items) > right
    given[wrong, 0] = rng.integers(6, size=wrong.sum())
    scores = rng.dirichlet(np.ones(6), size=items).astype(np.float32)
    scores = np.concatenate([scores, np.zeros((items, width - 6), np.float32)], axis=1)
    return truth, Decisions(
        scores=scores, applies=np.ones(shape, np.float32), state=np.full(shape, VALUE, np.int8), index=given,
        members=Labels.no_members(items, width), number=told, confidence=np.ones(shape, np.float32),
    )  # fmt: skip


def test_confusion_equals_scikit_learn() -> None:
    truth, given = made(300)
    whole = np.zeros((6, 6), int)
    rows, columns, counts = confusion(truth.index[:, 0], given.index[:, 0], 6)
    whole[rows, columns] = counts
    assert whole.tolist() == oracle.confusion_matrix(truth.index[:, 0], given.index[:, 0]).tolist()
    assert counts.tolist() == sorted(counts.tolist(), reverse=True)
    # Classes by the hundred thousand need no square of them.
    rows, columns, counts = confusion(np.array([99_999, 5]), np.array([-1, 5]), 100_000)
    assert sorted(zip(rows.tolist(), columns.tolist(), counts.tolist(), strict=True)) == [(5, 5, 1), (99_999, -1, 1)]


def test_intervals_are_those_of_whole_groups_resampled_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, given = made(120)
    groups = np.random.default_rng(1).integers(25, size=120)
    told = evaluate(SCHEMA, truth, given, train=truth, groups=groups, resamples=200)
    names, code = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=200)
    found = {name: [] for name in ("accuracy", "macro_f1", "mean_class_accuracy", "mae", "rmse", "r2")}
    for times in drawn:
        rows = np.repeat(np.arange(120), times[code])
        true, guess = truth.index[rows, 0], given.index[rows, 0]
        found["accuracy"].append(oracle.accuracy_score(true, guess))
        found["macro_f1"].append(oracle.f1_score(true, guess, average="macro", zero_division=0))
        present = np.unique(true)
        found["mean_class_accuracy"].append(oracle.recall_score(true, guess, labels=present, average="macro"))
        number, said = truth.number[rows, 1], given.number[rows, 1]
        found["mae"].append(np.abs(number - said).mean())
        found["rmse"].append(np.sqrt(((number - said) ** 2).mean()))
        found["r2"].append(oracle.r2_score(number, said))
    for column, names_ in (
        ("colour", ("accuracy", "macro_f1", "mean_class_accuracy")), ("price", ("mae", "rmse", "r2"))
    ):  # fmt: skip
        within = told.attributes[column].intervals
        assert within is not None
        for name in names_:
            assert within[name] == pytest.approx(np.percentile(found[name], [2.5, 97.5]))
    # In blocks and in turns over the classes it is the same.
    monkeypatch.setattr(counting, "_BLOCK", 7)
    monkeypatch.setattr(bootstrap, "_COLUMNS", 2)
    again = evaluate(SCHEMA, truth, given, train=truth, groups=groups, resamples=200)
    assert again.overall == told.overall
    for column, metrics in told.attributes.items():
        assert again.attributes[column].per_class == metrics.per_class
        assert metrics.intervals is not None
        for name, within in metrics.intervals.items():
            assert (again.attributes[column].intervals or {})[name] == pytest.approx(within)


def test_the_nested_harmonic_mean_is_resampled_category_by_category(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against one evaluation per resample; an attribute that one category does not have, and in turns."""
    sort = Attribute(column="sort", id="a00", kind=Kind.CATEGORICAL, classes=("top", "shoe", "hat"))
    heel = Attribute(
        column="heel", id="a01", kind=Kind.CATEGORICAL, classes=("high", "flat"), applies_to=("shoe", "hat")
    )
    colour = Attribute(column="colour", id="a02", kind=Kind.CATEGORICAL, classes=("red", "blue", "green"))
    schema = Schema(images=("image",), attributes=(sort, heel, colour), category="sort")
    rng, items = np.random.default_rng(4), 150
    index = np.stack([rng.integers(3, size=items), rng.integers(2, size=items), rng.integers(3, size=items)], axis=1)
    index = index.astype(np.int32)
    state = np.full((items, 3), VALUE, np.int8)
    state[index[:, 0] == 0, 1] = NOT_APPLICABLE
    index[index[:, 0] == 0, 1] = -1
    width = schema.layout().num_scores
    truth = Labels(
        state=state, index=index, members=Labels.no_members(items, width), number=np.full((items, 3), np.nan)
    )
    guess = index.copy()
    for place, classes in enumerate((3, 2, 3)):
        wrong = rng.random(items) < 0.4
        guess[wrong, place] = rng.integers(classes, size=wrong.sum())
    given = Decisions(
        scores=rng.random((items, width)).astype(np.float32), applies=np.ones((items, 3), np.float32),
        state=np.full((items, 3), VALUE, np.int8), index=guess, members=truth.members, number=truth.number,
        confidence=np.ones((items, 3), np.float32),
    )  # fmt: skip
    groups = np.arange(items) % 30
    told = evaluate(schema, truth, given, train=truth, groups=groups, resamples=100)
    _, code = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=100)
    each = []
    for times in drawn:
        rows = np.repeat(np.arange(items), times[code])
        one = evaluate(schema, truth.take(rows), given.take(rows), train=truth, floors=False)
        each.append(one.overall["nested_harmonic_mean"])
    within = told.intervals["nested_harmonic_mean"]
    assert within == pytest.approx(np.percentile(each, [2.5, 97.5]))
    nowhere = np.where(np.arange(3) == 0, UNKNOWN, state).astype(np.int8)  # no category is known
    some = evaluate(schema, replace(truth, state=nowhere), given, train=truth, groups=groups, resamples=100)
    assert "nested_harmonic_mean" not in some.intervals
    monkeypatch.setattr(bootstrap, "_NESTED_AT_ONCE", 1)
    again = evaluate(schema, truth, given, train=truth, groups=groups, resamples=100)
    assert again.intervals["nested_harmonic_mean"] == pytest.approx(within)
    monkeypatch.setattr(bootstrap, "_MOST_NESTED", 1)
    assert "nested_harmonic_mean" not in evaluate(schema, truth, given, train=truth, groups=groups).intervals


def test_the_interval_of_the_calibration_error_is_about_the_error() -> None:
    """Of a model that claims 0.9 and is right in 0.7 of the cells it holds 0.2; of an honest one it is near 0."""
    rng, items = np.random.default_rng(2), 600
    groups, within = np.arange(items), {}
    for name, chance in (("boasts", 0.7), ("honest", 0.9)):
        truth, given = made(items, right=1.0)
        wrong = rng.random(items) > chance
        given.index[wrong, 0] = (truth.index[wrong, 0] + 1) % 6
        given.scores[:, :6] = 0.1 / 5
        given.scores[np.arange(items), given.index[:, 0]] = 0.9
        told = evaluate(SCHEMA, truth, given, train=truth, groups=groups)
        colour = told.attributes["colour"]
        assert colour.intervals is not None
        low, high = within[name] = colour.intervals["calibration_error"]
        assert low <= (colour.calibration or {})["error"] <= high
        rows = [row for row in told.to_records() if row["metric"] == "calibration_error" and row["name"] == "colour"]
        assert [(row["low"], row["high"]) for row in rows] == [(low, high)]
    assert within["boasts"][0] > 0.12
    assert within["boasts"][1] < 0.28
    assert within["honest"][0] < 0.02
    assert within["honest"][1] < 0.06


def _coverage(per_group: int, *, by_group: bool) -> float:
    """Share of made tables whose accuracy interval covers the true 0.7; the cells of a group are all right or wrong."""
    covered, rounds = 0, 120
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), per_group)
        truth, given = made(len(groups), right=1.0, seed=seed)
        wrong = (rng.random(60) > 0.7)[groups]
        given.index[wrong, 0] = (truth.index[wrong, 0] + 1) % 6
        told = evaluate(SCHEMA, truth, given, train=truth, groups=groups if by_group else None, resamples=200)
        within = told.attributes["colour"].intervals
        assert within is not None
        low, high = within["accuracy"]
        covered += low <= 0.7 <= high
    return covered / rounds


@pytest.mark.slow
def test_intervals_cover_what_they_promise_only_over_groups() -> None:
    assert _coverage(5, by_group=True) > 0.88  # 95 % less what sixty groups and a percentile interval miss
    assert _coverage(5, by_group=False) < 0.75  # pictures of one product are not five pieces of evidence


def test_many_groups_in_blocks_give_the_same_width(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, given = made(3000)
    whole = evaluate(SCHEMA, truth, given, train=truth).attributes["colour"].intervals
    monkeypatch.setattr(bootstrap, "MOST_BLOCKS", 300)
    thrown = evaluate(SCHEMA, truth, given, train=truth).attributes["colour"].intervals
    assert whole is not None
    assert thrown is not None
    for name in ("accuracy", "macro_f1"):
        one, other = (np.diff(each[name])[0] for each in (whole, thrown))
        assert other == pytest.approx(one, rel=0.2)


def test_risk_and_coverage_equal_brute_force() -> None:
    rng = np.random.default_rng(3)
    sure = np.round(rng.random(400), 2)  # ties
    right = rng.random(400) < sure
    curve = risk_coverage_curve(sure, right)
    assert curve is not None
    for precision, told in curve["coverage_at"].items():
        best = 0.0
        for least in np.unique(sure):
            kept = sure >= least
            if right[kept].mean() >= float(precision):
                best = max(best, kept.mean())
        assert told == pytest.approx(best)
    area, before = 0.0, 0.0
    for least in np.unique(sure)[::-1]:
        kept = sure >= least
        area, before = area + (1 - right[kept].mean()) * (kept.mean() - before), kept.mean()
    assert curve["area"] == pytest.approx(area)
    assert (curve["coverage"][-1], curve["risk"][-1]) == (1.0, pytest.approx(1 - right.mean(), abs=1e-6))


def test_reliability_says_what_the_calibration_error_sums() -> None:
    truth, given = made(500)
    told = evaluate(SCHEMA, truth, given, train=truth).attributes["colour"]
    assert told.reliability is not None
    assert told.calibration is not None
    rows = np.array([one["rows"] for one in told.reliability])
    gap = [abs(one["right"] - one["confidence"]) for one in told.reliability]
    assert rows.sum() == 500
    assert float(rows @ gap / 500) == pytest.approx(told.calibration["error"], abs=1e-5)
    assert reliability_curve(np.zeros(0), np.zeros(0, bool)) is None


def test_three_readings_of_right_by_hand() -> None:
    truth, given = made(6, right=1.0)
    truth.state[4:, 0] = NOT_APPLICABLE
    given.index[0, 0] = (truth.index[0, 0] + 1) % 6
    given.state[:, 0] = [VALUE, VALUE, ABSTAINED, NOT_APPLICABLE, NOT_APPLICABLE, VALUE]
    tiers = evaluate(SCHEMA, truth, given, train=truth).tiers
    # Right: item 1 (its value), item 4 (does not apply). Applies or not: items 0, 1, 4.
    assert tiers["all_cells"] == {"cells": 6, "accuracy": pytest.approx(2 / 6), "abstained": pytest.approx(1 / 6)}
    assert tiers["applicable"]["accuracy"] == pytest.approx(3 / 6)
    assert tiers["value_given_applicable"] == {"cells": 4, "accuracy": 0.75}


def test_common_medium_and_rare_classes() -> None:
    truth, given = made(400)
    train = made(1000, seed=5)[0]
    told = evaluate(SCHEMA, truth, given, train=train).attributes["colour"].frequency
    assert told is not None
    counts = np.bincount(train.index[:, 0], minlength=6)
    recall = oracle.recall_score(truth.index[:, 0], given.index[:, 0], average=None, labels=range(6))
    for band, low, high in (("common", 100, np.inf), ("medium", 20, 100), ("rare", 0, 20)):
        own = (counts >= low) & (counts < high)
        assert told[band]["classes"] == own.sum()
        expected = pytest.approx(recall[own].mean()) if own.any() else None
        assert told[band]["mean_class_accuracy"] == expected


def test_labels_of_a_group_with_and_without_one() -> None:
    habitat = [Attribute(column=f"h{n}", id=f"a0{n}", kind=Kind.BINARY, classes=("no", "yes")) for n in range(3)]
    schema = Schema(
        images=("image",), attributes=tuple(habitat), groups={"three": ("h0", "h1", "h2"), "two": ("h0", "h1")}
    )
    rng = np.random.default_rng(0)
    true, guess = rng.integers(2, size=(50, 3)), rng.integers(2, size=(50, 3))
    shape, width = (50, 3), schema.layout().num_scores
    truth = Labels(
        state=np.full(shape, VALUE, np.int8), index=true.astype(np.int32), members=Labels.no_members(50, width),
        number=np.full(shape, np.nan),
    )  # fmt: skip
    given = Decisions(
        scores=np.full((50, width), 0.5, np.float32), applies=np.ones(shape, np.float32),
        state=np.full(shape, VALUE, np.int8), index=guess.astype(np.int32), members=Labels.no_members(50, width),
        number=np.full(shape, np.nan), confidence=np.ones(shape, np.float32),
    )  # fmt: skip
    groups = evaluate(schema, truth, given, train=truth, floors=False).groups
    for name, count in (("three", 3), ("two", 2)):
        own = slice(0, count)
        assert groups[name]["label_macro_f1"] == pytest.approx(
            oracle.f1_score(true[:, own], guess[:, own], average="macro")
        )
        assert groups[name]["exact_match"] == pytest.approx(oracle.accuracy_score(true[:, own], guess[:, own]))


def test_items_by_their_number_of_labels_and_flat_rows() -> None:
    truth, given = made(40)
    evaluation = evaluate(SCHEMA, truth, given, train=truth)
    assert evaluation.by_labelled == {
        "1": {
            "items": 40, "cells": 40, "accuracy": pytest.approx(evaluation.attributes["colour"].accuracy),
            "exact_match": pytest.approx(evaluation.overall["exact_match"]),
        }
    }  # fmt: skip
    rows = {(row["scope"], row["name"], row["class"], row["metric"]): row for row in evaluation.to_records()}
    accuracy = rows["attribute", "colour", None, "accuracy"]
    assert accuracy["value"] == evaluation.attributes["colour"].accuracy
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert accuracy["majority"] == evaluation.floors["majority"]["attributes"]["colour"]["accuracy"]
    assert rows["class", "colour", "a", "support"]["value"] == (truth.index[:, 0] == 0).sum()
    assert evaluation.worst_attributes() == [("colour", evaluation.attributes["colour"].macro_f1)]
    worst = evaluation.worst_classes(2, least=1)
    assert [value for _, _, value in worst] == sorted(value for _, _, value in worst)


def test_the_whole_confusion_is_there_as_a_square_and_as_rows() -> None:
    """More pairs than a reader is shown, right ones and cells without a class too; through JSON and back."""
    truth, given = made(3000, right=0.2)
    given.index[:7, 0] = -1
    told = evaluate(SCHEMA, truth, given, train=truth, resamples=0)
    again = Evaluation.from_dict(json.loads(json.dumps(told.to_dict())))
    classes, square = again.attributes["colour"].confusion_matrix()
    assert classes == CLASSES
    some = given.index[:, 0] >= 0
    own = oracle.confusion_matrix(truth.index[some, 0], given.index[some, 0])
    np.testing.assert_array_equal(square[:, :-1], own)
    assert square[:, -1].sum() == 7
    assert (square > 0).sum() > len(told.attributes["colour"].confusions or [])  # 30 wrong pairs at most
    rows = [row for row in told.to_records() if row["scope"] == "confusion"]
    assert sum(row["value"] for row in rows) == 3000
    found = {(row["class"], row["given"]): row["value"] for row in rows}
    assert len(found) == len(rows) == (square > 0).sum()
    assert found["b", "c"] == own[1, 2]
    assert sum(value for (_, name), value in found.items() if name is None) == 7
    with pytest.raises(UserError, match="one class per cell"):
        told.attributes["price"].confusion_matrix()


def test_the_curves_are_rows_too() -> None:
    truth, given = made(900)
    told = evaluate(SCHEMA, truth, given, train=truth, resamples=0)
    colour, rows = told.attributes["colour"], told.to_records()
    assert colour.reliability is not None
    assert colour.risk_coverage is not None
    drawn = {(row["scope"], row["class"], row["metric"]): row["value"] for row in rows if row["name"] == "colour"}
    for number, point in enumerate(colour.reliability, start=1):
        told_of = [drawn["reliability", str(number), name] for name in ("rows", "confidence", "right")]
        assert told_of == [*point.values()]
    risks = [drawn["risk_coverage", str(number + 1), "risk"] for number in range(len(colour.risk_coverage["risk"]))]
    assert risks == colour.risk_coverage["risk"]
    assert drawn["attribute", None, "risk_coverage_area"] == colour.risk_coverage["area"]
    assert drawn["coverage_at", "0.9", "coverage"] == colour.risk_coverage["coverage_at"]["0.9"]


def test_a_set_of_labels_is_withheld_as_a_whole() -> None:
    """Labels that are independent, with true chances: the surer a set, the more often it is exactly right."""
    tags = Schema(
        images=("image",),
        attributes=(Attribute(column="tags", id="a00", kind=Kind.MULTILABEL, classes=("warm", "light", "new")),),
    )
    rng, items = np.random.default_rng(0), 4000
    chances = rng.beta(0.4, 0.4, size=(items, 3)).astype(np.float32)
    shape = (items, 1)
    truth = Labels(
        state=np.full(shape, VALUE, np.int8), index=np.full(shape, -1, np.int32),
        members=(rng.random((items, 3)) < chances).astype(np.int8), number=np.full(shape, np.nan),
    )  # fmt: skip
    given = Decisions(
        scores=chances, applies=np.ones(shape, np.float32), state=truth.state, index=truth.index,
        members=(chances >= 0.5).astype(np.int8), number=truth.number, confidence=np.ones(shape, np.float32),
    )  # fmt: skip
    curve = evaluate(tags, truth, given, train=truth, resamples=0).attributes["tags"].risk_coverage
    assert curve is not None
    sure = np.maximum(chances, 1 - chances).prod(axis=1)
    right = (given.members == truth.members).all(axis=1)
    assert curve["risk"][-1] == pytest.approx(1 - right.mean(), abs=1e-6)
    best = np.argsort(-sure)[: round(curve["coverage"][9] * items)]
    assert curve["risk"][9] == pytest.approx(1 - right[best].mean(), abs=1e-3)
    assert curve["risk"][0] < 0.1 < curve["risk"][-1]


def test_a_diverged_models_numbers_have_intervals_that_are_numbers() -> None:
    truth, given = made(60)
    given.number[:, 1] *= 1e200
    within = evaluate(SCHEMA, truth, given, train=truth, resamples=50).attributes["price"].intervals
    assert within is not None
    assert "r2" not in within
    assert np.isfinite(within["rmse"]).all()
