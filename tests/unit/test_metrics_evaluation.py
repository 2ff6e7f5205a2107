"""Metrics on tables small enough to count by hand."""

import numpy as np
import pytest

from facetwise.decisions import ABSTAINED, Decisions
from facetwise.metrics import ATTRIBUTE_METRICS, OVERALL_METRICS, AttributeMetrics, average_precision, evaluate
from facetwise.metrics import _categories as categories
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "green", "blue"))
SIZE = Attribute(column="size", id="a01", kind=Kind.ORDINAL, classes=("S", "M", "L"))
PRICE = Attribute(column="price", id="a02", kind=Kind.NUMERIC)
TAGS = Attribute(column="tags", id="a03", kind=Kind.MULTILABEL, classes=("new", "sale"))


def labels(schema: Schema, cells: list[list]) -> Labels:
    """One list per item; None is unknown, "-" not applicable, a set the labels of a multilabel cell."""
    shape = (len(cells), len(schema.attributes))
    made = Labels(
        state=np.zeros(shape, np.int8),
        index=np.full(shape, -1, np.int32),
        members=np.zeros((len(cells), schema.layout().num_scores), np.uint8),
        number=np.full(shape, np.nan),
    )
    for item, row in enumerate(cells):
        for place, (cell, attribute) in enumerate(zip(row, schema.attributes, strict=True)):
            made.state[item, place] = UNKNOWN if cell is None else NOT_APPLICABLE if cell == "-" else VALUE
            if made.state[item, place] != VALUE:
                continue
            if attribute.kind is Kind.NUMERIC:
                made.number[item, place] = cell
            elif attribute.kind is Kind.MULTILABEL:
                block = schema.layout().blocks[place]
                made.members[item, block.scores] = [name in cell for name in attribute.classes]
            else:
                made.index[item, place] = attribute.classes.index(cell)
    return made


def decisions(schema: Schema, cells: list[list], state: list[list[int]] | None = None) -> Decisions:
    """Values that would be given, and what is decided (a value everywhere unless told)."""
    given = labels(schema, cells)
    shape = given.state.shape
    return Decisions(
        scores=np.zeros(given.members.shape, np.float32),
        applies=np.ones(shape, np.float32),
        state=np.full(shape, VALUE, np.int8) if state is None else np.array(state, np.int8),
        index=given.index,
        members=given.members,
        number=given.number,
        confidence=np.ones(shape, np.float32),
    )


def schema_of(*attributes: Attribute, category: str | None = None) -> Schema:
    return Schema(images=("image",), attributes=attributes, category=category)


def test_two_readings_of_one_column() -> None:
    schema = schema_of(COLOUR)
    truth = labels(schema, [["red"], ["red"], ["green"], [None], ["-"]])
    given = decisions(
        schema,
        [["red"], ["red"], ["red"], ["blue"], ["blue"]],
        [[VALUE], [ABSTAINED], [NOT_APPLICABLE], [VALUE], [NOT_APPLICABLE]],
    )
    evaluation = evaluate(schema, truth, given, train=truth, floors=False)
    colour = evaluation.attributes["colour"]
    assert (colour.labelled, colour.coverage) == (3, pytest.approx(2 / 5))
    # Value given applicable: red 2 hits of 2 true and 3 given, green none; blue is in neither.
    assert colour.accuracy == pytest.approx(2 / 3)
    assert colour.macro_f1 == pytest.approx((0.8 + 0) / 2)
    assert colour.macro_f1_all == pytest.approx(0.8 / 3)
    assert colour.mean_class_accuracy == pytest.approx(1 / 2)
    # Decided: only the first is a value; red has 1 hit of 2 true and 1 given.
    assert colour.decided_accuracy == pytest.approx(1 / 3)
    assert colour.decided_macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert colour.per_class is not None
    assert colour.per_class["red"] == {"support": 2, "precision": pytest.approx(2 / 3), "recall": 1.0, "f1": 0.8}
    assert colour.per_class["blue"] == {"support": 0, "precision": None, "recall": None, "f1": None}
    # Applicable: decided for 1 of the 3 that are; not applicable: 1 hit, 1 true, 2 said.
    assert colour.applicability == {
        "cells": 4,
        "accuracy": 0.5,
        "f1_not_applicable": pytest.approx(2 / 3),
        "f1_applicable": 0.5,
    }
    assert evaluation.overall["exact_match"] == pytest.approx(2 / 3)
    assert evaluation.overall["decided_exact_match"] == pytest.approx(1 / 3)


def test_no_labels_is_none_and_never_zero() -> None:
    schema = schema_of(COLOUR, SIZE, PRICE, TAGS)
    train = labels(schema, [["red", "S", 1.0, {"new"}]])
    for items in (0, 2):
        truth = labels(schema, [[None] * 4] * items)
        given = decisions(schema, [["red", "S", 1.0, {"new"}]] * items)
        evaluation = evaluate(schema, truth, given, train=train)
        for metrics in evaluation.attributes.values():
            names = set(ATTRIBUTE_METRICS[metrics.kind]) - {"labelled", "coverage"}
            assert {getattr(metrics, name) for name in names} == {None}
            assert metrics.applicability is None
        values = {evaluation.overall[name] for name in OVERALL_METRICS if name not in ("labelled", "coverage")}
        assert values == {None}
        assert evaluation.overall["labelled"] == 0
        assert evaluation.floors["random"]["overall"]["mean_macro_f1"] is None


def test_means_leave_out_attributes_without_labels() -> None:
    schema = schema_of(COLOUR, SIZE, PRICE)
    truth = labels(schema, [["red", None, 2.0], ["green", None, 4.0]])
    given = decisions(schema, [["red", "S", 3.0], ["green", "S", 3.0]])
    train = labels(schema, [["red", "S", 0.0], ["red", "S", 2.0], ["red", "S", 9.0]])
    evaluation = evaluate(schema, truth, given, train=train, floors=False)
    assert evaluation.overall["mean_macro_f1"] == evaluation.overall["exact_match"] == 1.0
    price = evaluation.attributes["price"]
    # Both off by 1; the training median 2 is off by 0 and 2.
    assert (price.mae, price.rmse, price.r2, price.mae_over_floor) == (1.0, 1.0, 0.0, 1.0)
    assert evaluation.floors == {}


def test_no_class_at_all_is_an_error_of_no_class() -> None:
    schema = schema_of(COLOUR, SIZE)
    truth = labels(schema, [["red", "S"], ["red", "M"], ["red", "L"]])
    given = decisions(schema, [["red", None], ["red", "M"], [None, None]])
    evaluation = evaluate(schema, truth, given, train=truth, floors=False)
    colour, size = evaluation.attributes["colour"], evaluation.attributes["size"]
    assert colour.accuracy == pytest.approx(2 / 3)
    assert colour.macro_f1 == pytest.approx(0.8)
    assert colour.micro_f1 == pytest.approx(0.8)  # precision 1, recall 2/3
    assert size.mae == pytest.approx(4 / 3)  # two steps, none, two steps


def test_empty_sets_can_be_right() -> None:
    schema = schema_of(TAGS)
    truth = labels(schema, [[set()], [{"new", "sale"}]])
    tags = evaluate(schema, truth, decisions(schema, [[set()], [{"new"}]]), train=truth, floors=False).attributes[
        "tags"
    ]
    assert (tags.exact_match, tags.micro_f1, tags.macro_f1) == (0.5, pytest.approx(2 / 3), 0.5)
    nothing = labels(schema, [[set()]])
    tags = evaluate(schema, nothing, decisions(schema, [[set()]]), train=truth, floors=False).attributes["tags"]
    assert (tags.exact_match, tags.macro_f1, tags.macro_f1_all, tags.map) == (1.0, None, 0.0, None)


def test_a_diverged_number_is_large_but_not_infinite() -> None:
    schema = schema_of(PRICE)
    truth = labels(schema, [[1.0], [2.0]])
    price = evaluate(schema, truth, decisions(schema, [[1e300], [2.0]]), train=truth, floors=False).attributes["price"]
    assert price.rmse == pytest.approx(1e300 / np.sqrt(2))
    assert price.r2 is None  # beyond the largest float


def test_categories_in_turns_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dress = Attribute(column="length", id="a01", kind=Kind.CATEGORICAL, classes=("mini", "maxi"), applies_to=("red",))
    schema = schema_of(COLOUR, dress, category="colour")
    truth = labels(schema, [["red", "mini"], ["red", "maxi"], ["green", "-"], [None, "mini"]])
    given = decisions(schema, [["red", "mini"], ["blue", "mini"], ["green", "mini"], ["red", "maxi"]])
    whole = evaluate(schema, truth, given, train=truth, floors=False)
    monkeypatch.setattr(categories, "_MOST_COUNTS", 1)
    assert evaluate(schema, truth, given, train=truth, floors=False) == whole
    # Micro 1/2; macro: mini 2/3, maxi 0. The item without a known category counts for none.
    expected = 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3)
    assert whole.categories["red"]["attributes"] == {"length": pytest.approx(expected)}
    assert whole.categories["green"]["attributes"] == {}
    assert whole.categories["green"]["nested_harmonic_mean"] is None
    assert whole.categories["red"]["exact_match"] == 0.5
    assert whole.overall["nested_harmonic_mean"] == pytest.approx(expected)


def test_a_category_alone_has_a_nested_mean_too() -> None:
    schema = schema_of(COLOUR, category="colour")
    truth = labels(schema, [["red"], ["green"]])
    evaluation = evaluate(schema, truth, decisions(schema, [["red"], ["green"]]), train=truth, floors=False)
    assert evaluation.overall["nested_harmonic_mean"] == 1.0


def test_average_precision_of_tied_negative_and_zero_scores() -> None:
    scores = np.array([[0.0], [-0.0], [-2.0], [-1.0]], np.float32)
    positive = np.array([[True], [False], [True], [False]])
    everywhere = np.ones_like(positive)
    assert average_precision(scores, positive, everywhere) == pytest.approx([(1 / 2 + 2 / 4) / 2])
    assert average_precision(scores, positive, np.array([[True], [False], [True], [False]])) == pytest.approx([1.0])
    assert np.isnan(average_precision(scores, ~everywhere, everywhere)).all()


def test_truth_and_decisions_of_different_items_are_refused() -> None:
    schema = schema_of(COLOUR)
    truth = labels(schema, [["red"], ["red"]])
    with pytest.raises(AssertionError, match=r"\(2, 1\) and \(1, 1\)"):
        evaluate(schema, truth, decisions(schema, [["red"]]), train=truth)


def test_an_attribute_writes_the_metrics_of_its_kind_and_nothing_else() -> None:
    metrics = AttributeMetrics(kind=Kind.NUMERIC, labelled=1, coverage=1.0, mae=0.5)
    assert list(metrics.to_dict()) == ["kind", *ATTRIBUTE_METRICS[Kind.NUMERIC], "applicability"]
    assert AttributeMetrics.from_dict(metrics.to_dict()) == metrics
