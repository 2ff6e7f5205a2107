"""Parts of the loop: trackers, schedule, order, depth report, class weights of both sides."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facetwise.models import build_model
from facetwise.models.backbones import Level
from facetwise.objectives import REWEIGHTING, class_weights, count_classes
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind
from facetwise.training._best import Trackers
from facetwise.training._depth_report import depth_report
from facetwise.training._loop import Part, plain_loss
from facetwise.training._order import epoch_order
from facetwise.training.schedules import CosineSchedule
from made_facets import made_features, made_labels, made_objective, made_schema, made_targets

epochs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20)


@given(epochs)
def test_trackers_keep_what_is_best(history: list[tuple[int, int]]) -> None:
    """Each criterion as if it were alone; patience counts from the best score and from nothing else."""
    trackers, saved = Trackers(), {}
    for epoch, (score, loss) in enumerate(history):
        for name in trackers.update(score=(1, score), loss=loss):
            saved[name] = epoch
        scores = [s for s, _ in history[: epoch + 1]]
        losses = [l for _, l in history[: epoch + 1]]  # noqa: E741
        assert saved["best_score"] == scores.index(max(scores))
        assert saved["best_loss"] == losses.index(min(losses))
        assert trackers.since == epoch - saved["best_score"]
        both = saved["best_both"]
        assert not any(
            s >= scores[both] and loss_then <= losses[both] and (s, loss_then) != (scores[both], losses[both])
            for s, loss_then in history[both : epoch + 1]
        )


def test_a_score_beats_no_score() -> None:
    trackers = Trackers()
    trackers.update(score=(0, -1.0), loss=1.0)
    assert "best_score" in trackers.update(score=(0, -0.5), loss=0.5)
    assert "best_score" in trackers.update(score=(1, 0.01), loss=9.0)
    assert "best_score" not in trackers.update(score=(0, -0.1), loss=0.1)


@given(steps=st.integers(1, 200), share=st.floats(0, 0.99))
def test_the_schedule(steps: int, share: float) -> None:
    warmup = int(share * steps)
    rates = [CosineSchedule(steps=steps, per_epoch=1, warmup=warmup).factor(step) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates[:-1])
    assert rates[0] > 0
    assert np.all(np.diff(rates[:warmup]) > 0)
    assert np.all(np.diff(rates[warmup:]) < 0)


def test_the_order_of_an_epoch() -> None:
    orders = {
        (seed, epoch): epoch_order(50, seed=seed, epoch=epoch).tolist() for seed in range(3) for epoch in range(3)
    }
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 9
    assert all(order != list(range(50)) for order in orders.values())


def _report(depth: bool = True) -> tuple:  # noqa: FBT002
    schema = made_schema()
    labels = made_labels(schema, 200, unknown=0.1)
    features = made_features(labels, schema, 8)
    features[:, 4:] = 0.0  # the second level says nothing
    features = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    targets = made_targets(schema, labels, torch.float32)
    model = build_model(schema, levels=[4, 4], trunk_options={"width": 8}, depth=depth, input_dropout=0.0)
    with torch.no_grad():
        if model.depth is not None:
            model.depth.gate.copy_(torch.randn(model.depth.gate.shape, generator=torch.Generator().manual_seed(0)))
    objective = made_objective(schema)
    val = Part(features=torch.from_numpy(features), targets=targets, labels=labels)
    return schema, model, objective, val, features


def test_the_depth_report_measures_what_is_lost() -> None:
    schema, model, objective, val, _ = _report()
    report = depth_report(schema, model, objective, val, levels=[Level("low", 4), Level("high", 4)], seed=0)
    assert list(report) == [a.column for a in schema.attributes]
    for column, levels in report.items():
        assert list(levels) == ["low", "high"]
        assert sum(level["gate"] for level in levels.values()) == pytest.approx(1.0, abs=1e-5)
        assert levels["high"]["added_loss"] == pytest.approx(0.0, abs=1e-6), column
    assert any(abs(levels["low"]["added_loss"]) > 1e-4 for levels in report.values())
    # Parents read the logits of the finest attribute, so they listen through its gate.
    assert report["department"]["low"]["gate"] == report["coarse"]["low"]["gate"] == report["fine"]["low"]["gate"]
    json.dumps(report, allow_nan=False)


def test_the_depth_report_without_gates() -> None:
    schema, model, objective, val, _ = _report(depth=False)
    report = depth_report(schema, model, objective, val, levels=[Level("low", 4), Level("high", 4)], seed=0)
    assert all(level["gate"] is None for levels in report.values() for level in levels.values())


def test_plain_loss_is_nan_where_nothing_is_labelled() -> None:
    schema, _, objective, _, _ = _report()
    empty = made_labels(schema, 5, unknown=1.0)
    logits = np.zeros((5, schema.layout().num_logits), np.float32)
    losses = plain_loss(schema, objective, logits, made_targets(schema, empty, torch.float32))
    assert np.isnan(losses).all()


@pytest.mark.parametrize("rule", REWEIGHTING)
def test_weights_of_two_sided_logits_have_mean_one(rule: str) -> None:
    schema = made_schema()
    labels, layout = made_labels(schema, 300), schema.layout()
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING[rule](), progress=0.0)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        valued = labels.state[:, place] == VALUE
        truths = {}
        if attribute.kind is Kind.BINARY:
            truths[block.start] = labels.index[valued, place] == 1
        if attribute.kind is Kind.MULTILABEL:
            own = labels.members[valued][:, block.scores] == 1
            truths |= {block.start + n: own[:, n] for n in range(own.shape[1])}
        if block.applicability is not None:
            truths[block.applicability] = (labels.state[:, place] == VALUE)[
                valued | (labels.state[:, place] == NOT_APPLICABLE)
            ]
        for column, truth in truths.items():
            each = np.where(truth, float(weights.positive[column]), float(weights.negative[column]))
            assert each.mean() == pytest.approx(1.0, rel=1e-5)
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL):
            each = weights.score.numpy()[block.score_start + labels.index[valued, place]]
            assert each.mean() == pytest.approx(1.0, rel=1e-5)


def test_numbers_that_are_not_finite_teach_nothing() -> None:
    from facetwise.objectives import make_targets

    schema, labels = made_schema(), made_labels(made_schema(), 6, unknown=0.0)
    standardised = np.full(labels.number.shape, 0.5)
    place = schema.index["price"]
    standardised[:3, place] = [np.nan, np.inf, -np.inf]
    targets = make_targets(schema, labels, standardised)
    assert targets.number_mask[:, place].tolist() == [False, False, False, True, True, True]
    assert targets.number.isfinite().all()
