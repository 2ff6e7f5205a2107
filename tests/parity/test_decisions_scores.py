"""Scores, applicability and thresholds against torch and brute force."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from facetwise.decisions import best_threshold, decide, scores_from_logits, tune_thresholds
from facetwise.schema import VALUE, Kind
from made_facets import made_labels, made_logits, made_scales, made_schema

ITEMS = 50
SCHEMA = made_schema()
LAYOUT = SCHEMA.layout()
LABELS = made_labels(SCHEMA, ITEMS, seed=4)
SCALES = made_scales(SCHEMA, LABELS)
LOGITS = made_logits(SCHEMA, ITEMS)


def _block(column: str):
    return LAYOUT.blocks[SCHEMA.index[column]]


@pytest.mark.parametrize("size", [1.0, 1e3])
def test_softmax_and_sigmoid_are_torchs(size: float) -> None:
    scores, _ = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy() * size)
    assert scores.dtype == np.float32
    assert np.isfinite(scores[:, : _block("price").score_start]).all()
    for column in ("colour", "brand"):
        expected = (LOGITS * size)[:, _block(column).logits].softmax(dim=1)
        np.testing.assert_allclose(scores[:, _block(column).scores], expected, rtol=1e-5, atol=1e-7)
    for column in ("season", "fabric"):
        expected = (LOGITS * size)[:, _block(column).logits].sigmoid()
        np.testing.assert_allclose(scores[:, _block(column).scores], expected, rtol=1e-5, atol=1e-7)
    positive = (LOGITS * size)[:, _block("waterproof").start].sigmoid()
    np.testing.assert_allclose(scores[:, _block("waterproof").score_start + 1], positive, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(scores[:, _block("waterproof").score_start], 1 - positive, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_every_attribute_with_classes_is_a_distribution(size: float) -> None:
    scores, applies = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy() * size)
    assert ((applies >= 0) & (applies <= 1)).all()
    for attribute, block in zip(SCHEMA.attributes, LAYOUT.blocks, strict=True):
        own = scores[:, block.scores]
        if attribute.kind is not Kind.NUMERIC:
            assert ((own >= 0) & (own <= 1)).all()
        if attribute.kind in (Kind.CATEGORICAL, Kind.BINARY, Kind.ORDINAL):
            np.testing.assert_allclose(own.sum(axis=1), 1.0, atol=1e-5)


def test_numbers_are_in_the_users_unit() -> None:
    scores, _ = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy())
    for column in ("price", "weight"):
        block, scale = _block(column), SCALES[SCHEMA.attribute(column).id]
        mean, spread = LOGITS[:, block.start].numpy(), np.exp(LOGITS[:, block.start + 1].numpy().clip(-7, 3))
        center, width = mean * scale.deviation + scale.mean, spread * scale.deviation
        if column == "price":
            width = width * np.exp(center)  # to first order
            center = np.exp(center)
        np.testing.assert_allclose(scores[:, block.score_start], center, rtol=1e-5)
        np.testing.assert_allclose(scores[:, block.score_start + 1], width, rtol=1e-5)


def test_applicability_is_the_sum_over_categories() -> None:
    scores, applies = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy())
    chance = scores[:, _block("department").scores].astype(np.float64)
    classes = SCHEMA.attribute("department").classes
    table = SCHEMA.explained
    assert table.shape == (3, len(SCHEMA.attributes))
    for place, attribute in enumerate(SCHEMA.attributes):
        own = LAYOUT.blocks[place].applicability
        for row in range(ITEMS):
            sigmoid = None if own is None else float(LOGITS[row, own].sigmoid())
            if attribute.applies_to is None:
                expected = 1.0 if sigmoid is None else sigmoid
            else:
                expected = 0.0
                for n, name in enumerate(classes):
                    if name in attribute.applies_to:
                        expected += chance[row, n]
                    elif name in attribute.undecided:
                        expected += chance[row, n] * sigmoid
            assert applies[row, place] == pytest.approx(expected, abs=1e-6), attribute.column
    for n, name in enumerate(classes):
        for place, attribute in enumerate(SCHEMA.attributes):
            known = attribute.applicability(name)
            assert (np.isnan(table[n, place]) and known is None) or table[n, place] == known


def test_an_ordinal_decision_is_the_median() -> None:
    scores, applies = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy())
    decisions = decide(SCHEMA, scores, applies)
    for column in ("size", "heel height"):
        place, block = SCHEMA.index[column], _block(column)
        codes = np.arange(block.score_stop - block.score_start)
        for row in range(ITEMS):
            errors = [(scores[row, block.scores] * np.abs(codes - guess)).sum() for guess in codes]
            assert errors[decisions.index[row, place]] == pytest.approx(min(errors), abs=1e-5)


@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_thresholds_are_the_best_of_all(both_sides: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(80) < rng.uniform(0.2, 0.8)
    chance = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0, 1).round(2).astype(np.float32)  # with ties
    cut = best_threshold(chance, truth, both_sides=both_sides)

    def figure(cut: float) -> float:
        called = chance >= cut
        ours = f1_score(truth, called, zero_division=0)
        return (ours + f1_score(~truth, ~called, zero_division=0)) / 2 if both_sides else ours

    values = np.unique(chance)
    tried = [(a + b) / 2 for a, b in itertools.pairwise(values)] + [values[0] / 2]
    figures = np.array([figure(each) for each in tried])
    assert figure(cut) >= figures.max() - 0.005 - 1e-9
    nearly = np.array(tried)[figures >= figures.max() - 0.005]
    assert abs(cut - 0.5) == pytest.approx(np.abs(nearly - 0.5).min(), abs=1e-6)


def test_tuned_thresholds_by_attribute_and_class() -> None:
    labels = made_labels(SCHEMA, 300, seed=5)
    scores, _ = scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, 300, seed=6).numpy())
    tuned = tune_thresholds(SCHEMA, scores, labels, labels)
    wanted = {a.id: a for a in SCHEMA.attributes if a.kind in (Kind.BINARY, Kind.MULTILABEL)}
    assert tuned.keys() == wanted.keys()
    for key, attribute in wanted.items():
        place = SCHEMA.index[attribute.column]
        block, valued = LAYOUT.blocks[place], labels.state[:, place] == VALUE
        if attribute.kind is Kind.BINARY:
            truth = labels.index[valued, place] == 1
            alone = best_threshold(scores[valued, block.score_start + 1], truth, both_sides=True)
            assert tuned[key] == (alone,)
        else:
            assert len(tuned[key]) == len(attribute.classes)
            for n in range(len(attribute.classes)):
                column = block.score_start + n
                truth = labels.members[valued, column] > 0
                assert tuned[key][n] == best_threshold(scores[valued, column], truth, both_sides=False)


def test_ordinal_scores_do_not_underflow_to_negative() -> None:
    logits = np.full((2, LAYOUT.num_logits), 40.0)
    logits[1] = -40.0
    scores, _ = scores_from_logits(SCHEMA, SCALES, logits)
    own = scores[:, _block("size").scores]
    assert (own >= 0).all()
    assert own[0].tolist() == [0, 0, 1]
    np.testing.assert_allclose(own[1], [1, np.exp(-40), np.exp(-80)], rtol=1e-6)
    assert torch.from_numpy(own).isfinite().all()
