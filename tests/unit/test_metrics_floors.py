"""Floors on a table whose floors are known."""

from dataclasses import replace

import numpy as np
import pytest

from facetwise.decisions import Decisions
from facetwise.metrics import evaluate
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema

SCHEMA = Schema(
    images=("image",),
    attributes=(
        Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "green", "blue")),
        Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("new", "sale")),
        Attribute(column="price", id="a02", kind=Kind.NUMERIC),
        Attribute(column="heel", id="a03", kind=Kind.BINARY, classes=("no", "yes"), own_applicability=True),
    ),
    groups={"look": ("colour", "tags")},
)


def table(items: int) -> Labels:
    """Half of the items red, a quarter each green and blue; all new, a quarter on sale; prices 1, 2, 3, 10; a heel on
    every fourth, not applicable on the others."""
    turn = np.arange(items) % 4
    index = np.full((items, 4), -1, np.int32)
    index[:, 0] = np.array([0, 0, 1, 2])[turn]
    index[:, 3] = np.where(turn == 0, 1, -1)
    state = np.full((items, 4), VALUE, np.int8)
    state[:, 3] = np.where(turn == 0, VALUE, NOT_APPLICABLE)
    members = np.zeros((items, SCHEMA.layout().num_scores), np.uint8)
    members[:, SCHEMA.layout().blocks[1].scores] = np.stack([turn >= 0, turn == 1], axis=1)
    number = np.full((items, 4), np.nan)
    number[:, 2] = np.array([1.0, 2.0, 3.0, 10.0])[turn]
    return Labels(state=state, index=index, members=members, number=number)


def perfect(truth: Labels) -> Decisions:
    return Decisions(
        scores=np.zeros(truth.members.shape, np.float32),
        applies=np.ones(truth.state.shape, np.float32),
        state=truth.state,
        index=truth.index,
        members=truth.members,
        number=truth.number,
        confidence=np.ones(truth.state.shape, np.float32),
    )


def test_majority_floor() -> None:
    truth = table(8)
    evaluation = evaluate(SCHEMA, truth, perfect(truth), train=table(40))
    floor = evaluation.floors["majority"]
    colour, tags, price, heel = (floor["attributes"][column] for column in ("colour", "tags", "price", "heel"))
    assert colour["accuracy"] == 0.5
    assert colour["macro_f1"] == pytest.approx((2 / 3) / 3)
    assert tags["exact_match"] == 0.75  # "new" alone
    assert tags["macro_f1"] == 0.5
    assert tags["map"] == pytest.approx((1 + 1 / 4) / 2)  # as often as not, the frequency
    assert price["mae"] == pytest.approx((1.5 + 0.5 + 0.5 + 7.5) / 4)  # the median is 2.5
    assert price["mae_over_floor"] == 1.0
    assert heel["applicability"] == {
        "cells": 8,
        "accuracy": 0.75,
        "f1_not_applicable": pytest.approx(6 / 7),
        "f1_applicable": 0.0,
    }
    assert (heel["coverage"], heel["accuracy"], heel["decided_accuracy"]) == (0.0, 1.0, 0.0)
    assert floor["groups"]["look"]["mean_macro_f1"] == pytest.approx((2 / 9 + 0.5) / 2)
    assert evaluation.overall["mean_macro_f1"] == evaluation.overall["applicability_f1"] == 1.0
    assert list(floor) == ["overall", "categories", "attributes", "groups"]
    assert list(floor["overall"]) == list(evaluation.overall)


def test_random_floor_is_near_its_expectation_and_repeats() -> None:
    truth, train = table(2000), table(40)
    evaluation = evaluate(SCHEMA, truth, perfect(truth), train=train)
    floor = evaluation.floors["random"]["attributes"]
    shares = np.array([0.5, 0.25, 0.25])
    # 20,000 draws: a standard error of 0.0035.
    assert floor["colour"]["accuracy"] == pytest.approx((shares**2).sum(), abs=0.015)
    assert floor["colour"]["macro_f1"] == pytest.approx(shares.mean(), abs=0.015)
    assert floor["tags"]["exact_match"] == pytest.approx(0.75**2 + 0.25**2, abs=0.015)
    assert floor["price"]["mae"] == pytest.approx(
        np.abs(np.subtract.outer([1, 2, 3, 10], [1, 2, 3, 10])).mean(), abs=0.1
    )
    assert floor["heel"]["applicability"]["accuracy"] == pytest.approx(0.75**2 + 0.25**2, abs=0.015)
    assert evaluate(SCHEMA, truth, perfect(truth), train=train).floors == evaluation.floors


def test_an_attribute_never_seen_in_training_has_no_floor() -> None:
    truth, train = table(8), table(40)
    state = train.state.copy()
    state[:, [0, 2]] = UNKNOWN
    evaluation = evaluate(SCHEMA, truth, perfect(truth), train=replace(train, state=state))
    assert evaluation.attributes["colour"].accuracy == 1.0
    assert (evaluation.attributes["price"].mae, evaluation.attributes["price"].mae_over_floor) == (0.0, None)
    for floor in evaluation.floors.values():
        assert floor["attributes"]["colour"]["accuracy"] is None
        assert floor["attributes"]["price"]["mae"] is None
        assert floor["attributes"]["tags"]["exact_match"] is not None
