"""Decisions: thresholds by class, 'not applicable' first, confidence of what was decided."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetwise.decisions import NumberScale, best_threshold, decide, rate_threshold, scores_from_logits
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Transform
from made_facets import made_labels, made_logits, made_scales, made_schema, shuffled

SCHEMA = made_schema()
SCALES = made_scales(SCHEMA, made_labels(SCHEMA, 60))
ITEMS = 30


def _scores() -> tuple[np.ndarray, np.ndarray]:
    return scores_from_logits(SCHEMA, SCALES, made_logits(SCHEMA, ITEMS).numpy())


def test_states_and_confidence() -> None:
    scores, applies = _scores()
    decisions = decide(SCHEMA, scores, applies)
    assert set(np.unique(decisions.state)) <= {VALUE, NOT_APPLICABLE}
    assert ((applies >= 0.5) == (decisions.state == VALUE)).all()
    for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, SCHEMA.layout().blocks, strict=True)):
        valued = decisions.state[:, place] == VALUE
        np.testing.assert_allclose(decisions.confidence[~valued, place], 1 - applies[~valued, place], rtol=1e-5)
        if attribute.kind is Kind.NUMERIC:
            assert np.isnan(decisions.confidence[valued, place]).all()
            assert np.isfinite(decisions.number[:, place]).all()
            continue
        assert np.isnan(decisions.number[:, place]).all()
        if attribute.kind is Kind.MULTILABEL:
            assert (decisions.index[:, place] == -1).all()
            own = scores[:, block.scores]
            chosen = decisions.members[:, block.scores] == 1
            chance = np.where(chosen, own, 1 - own).prod(axis=1)
        else:
            assert (decisions.members[:, block.scores] == 0).all()
            chance = scores[np.arange(ITEMS), block.score_start + decisions.index[:, place]]
        np.testing.assert_allclose(decisions.confidence[valued, place], (applies[:, place] * chance)[valued], rtol=1e-4)


def test_thresholds_belong_to_their_class() -> None:
    scores, applies = _scores()
    block, place = SCHEMA.layout().blocks[SCHEMA.index["season"]], SCHEMA.index["waterproof"]
    cuts = (0.2, 0.5, 0.9)
    decisions = decide(SCHEMA, scores, applies, thresholds={"a05": cuts, "a04": (0.7,)})
    for n, cut in enumerate(cuts):
        expected = scores[:, block.score_start + n] >= cut
        assert (decisions.members[:, block.score_start + n] == expected).all()
    positive = scores[:, SCHEMA.layout().blocks[place].score_start + 1]
    assert (decisions.index[:, place] == (positive >= 0.7)).all()


@given(seed=st.integers(0, 999))
def test_the_order_of_the_schema_does_not_matter(seed: int) -> None:
    other = shuffled(SCHEMA, np.random.default_rng(seed))
    first = decide(SCHEMA, *_scores())
    second = decide(other, *scores_from_logits(other, SCALES, made_logits(other, ITEMS).numpy()))
    for place, attribute in enumerate(SCHEMA.attributes):
        there = other.index[attribute.column]
        np.testing.assert_allclose(first.applies[:, place], second.applies[:, there], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(first.confidence[:, place], second.confidence[:, there], rtol=1e-5)
        if attribute.kind is Kind.NUMERIC:
            np.testing.assert_allclose(first.number[:, place], second.number[:, there], rtol=1e-6)
        elif attribute.kind is not Kind.MULTILABEL:
            names = np.array(attribute.classes)[first.index[:, place]]
            assert (names == np.array(other.attributes[there].classes)[second.index[:, there]]).all()


def test_taking_rows() -> None:
    decisions = decide(SCHEMA, *_scores())
    part = decisions.take(np.array([4, 2]))
    assert len(part) == 2
    for name in decisions.__slots__:
        np.testing.assert_array_equal(getattr(part, name), getattr(decisions, name)[[4, 2]])


def test_no_item_at_all() -> None:
    scores, applies = scores_from_logits(SCHEMA, SCALES, np.zeros((0, SCHEMA.layout().num_logits)))
    assert len(decide(SCHEMA, scores, applies)) == 0


def test_numbers_far_out_stay_finite() -> None:
    logits = np.zeros((2, SCHEMA.layout().num_logits))
    logits[0], logits[1] = 1e6, -1e6
    scores, applies = scores_from_logits(SCHEMA, SCALES, logits)
    assert np.isfinite(scores).all()
    assert np.isfinite(decide(SCHEMA, scores, applies).number[:, SCHEMA.index["price"]]).all()


@pytest.mark.parametrize("transform", Transform)
@given(number=st.floats(1e-6, 1e9), mean=st.floats(-5, 5), deviation=st.floats(0.01, 10))
def test_scales_come_back(transform: Transform, number: float, mean: float, deviation: float) -> None:
    scale = NumberScale(transform=transform, mean=mean, deviation=deviation)
    back = scale.restore(scale.standardise(np.array([number])))
    assert back[0] == pytest.approx(number, rel=1e-6, abs=1e-6)


def test_few_positives_match_the_rate_and_only_help_the_rarer_side() -> None:
    chance = np.linspace(0.4, 0.0, 100)
    assert (chance >= rate_threshold(chance, 0.05)).sum() == 5
    assert rate_threshold(np.linspace(1.0, 0.6, 100), 0.05) == 0.5
    assert rate_threshold(np.linspace(1.0, 0.6, 100), 0.95) > 0.5
    assert rate_threshold(np.zeros(0), 0.2) == rate_threshold(chance, 0.0) == rate_threshold(chance, 1.0) == 0.5


def test_the_cut_lies_below_the_lowest_where_all_are_called() -> None:
    assert best_threshold(np.full(40, 0.3), np.arange(40) % 2 == 0, both_sides=False) == pytest.approx(0.15)
