"""Losses of binary, multilabel and numeric attributes against their papers' formulas, cell by cell in float64."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
import torch
from torch.nn import functional

from facetwise.objectives import LOSSES, ClassCounts, ClassWeights, Loss, Outputs, count_classes
from facetwise.schema import VALUE, Kind
from made_facets import even_weights, made_labels, made_logits, made_schema, made_targets

ITEMS = 40
SCHEMA = made_schema()
LAYOUT = SCHEMA.layout()
LABELS = made_labels(SCHEMA, ITEMS, seed=4)
TARGETS = made_targets(SCHEMA, LABELS)
LOGITS = 2 * made_logits(SCHEMA, ITEMS)
COUNTS = count_classes(SCHEMA, LABELS)


def _uneven() -> ClassWeights:
    weights = even_weights(SCHEMA)
    generator = torch.Generator().manual_seed(9)
    for tensor in (weights.negative, weights.positive):
        tensor.copy_(torch.rand(len(tensor), generator=generator, dtype=torch.float64) + 0.5)
    return weights


def _built(name: str, *, counts: ClassCounts = COUNTS, **options: object) -> Loss:
    loss = LOSSES[name](schema=SCHEMA, places=SCHEMA.of_kind(*LOSSES[name].kinds), **options)
    loss.prepare(counts, dtype=torch.float64)
    return loss


def _compare(loss: Loss, formula: Callable[[float, bool, int], float]) -> None:
    """Every cell is the mean over its classes of weight times `formula(logit, is there, logit column)`."""
    weights = _uneven()
    found = loss(Outputs(LOGITS, torch.empty(0), {}), TARGETS, weights).loss.numpy()
    for n, place in enumerate(loss.places):
        block = LAYOUT.blocks[place]
        for row in range(ITEMS):
            wanted, columns = 0.0, range(block.start, block.stop)
            for number, column in enumerate(columns):
                there = bool(LABELS.index[row, place] == 1)
                if SCHEMA.attributes[place].kind is Kind.MULTILABEL:
                    there = bool(LABELS.members[row, block.score_start + number])
                weight = float((weights.positive if there else weights.negative)[column])
                wanted += weight * formula(float(LOGITS[row, column]), there, column) / len(columns)
            wanted *= LABELS.state[row, place] == VALUE
            assert found[row, n] == pytest.approx(wanted, rel=1e-9, abs=1e-14)


def _sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.5, None), (0.0, 0.5)])
def test_binary_focal(gamma: float, alpha: float | None) -> None:
    def formula(z: float, there: bool, _: int) -> float:
        p = _sigmoid(z) if there else 1 - _sigmoid(z)
        factor = 1.0 if alpha is None else alpha if there else 1 - alpha
        return -factor * (1 - p) ** gamma * log(p)

    _compare(_built("binary_focal", gamma=gamma, alpha=alpha), formula)


@pytest.mark.parametrize(("neg", "pos", "clip"), [(4.0, 1.0, 0.05), (4.0, 0.0, 0.05), (2.0, 0.0, 0.0), (0.5, 0.5, 0.3)])
def test_asymmetric(neg: float, pos: float, clip: float) -> None:
    def formula(z: float, there: bool, _: int) -> float:
        p = _sigmoid(z)
        if there:
            return -((1 - p) ** pos) * log(p)
        moved = max(p - clip, 0.0)
        return -(moved**neg) * log(1 - moved)

    _compare(_built("asymmetric", gamma_neg=neg, gamma_pos=pos, clip=clip), formula)


def test_asymmetric_without_asymmetry_is_cross_entropy() -> None:
    outputs = Outputs(LOGITS, torch.empty(0), {})
    found = _built("asymmetric", gamma_neg=0.0, gamma_pos=0.0, clip=0.0)(outputs, TARGETS, _uneven()).loss
    torch.testing.assert_close(found, _built("binary_cross_entropy")(outputs, TARGETS, _uneven()).loss)


def test_squared_hinge() -> None:
    _compare(_built("squared_hinge"), lambda f, there, _: 0.5 * max(0.0, 1 - (1 if there else -1) * f) ** 2)
    logits = LOGITS.clone().requires_grad_()
    loss = _built("squared_hinge")(Outputs(logits, torch.empty(0), {}), TARGETS, even_weights(SCHEMA)).loss
    column = LAYOUT.blocks[place := SCHEMA.index["waterproof"]].start
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    sign = 2.0 * TARGETS.sign[:, column] - 1
    slope = -sign * (1 - sign * LOGITS[:, column]).clamp_min(0)
    torch.testing.assert_close(gradient[:, column], torch.where(TARGETS.sign_mask[:, column], slope, 0.0))
    assert SCHEMA.attributes[place].kind is Kind.BINARY


@pytest.mark.parametrize(("lamb", "margin", "gamma"), [(1.5, 1.0, 2.0), (2.0, 0.0, 0.0)])
def test_hill(lamb: float, margin: float, gamma: float) -> None:
    def formula(z: float, there: bool, _: int) -> float:
        above, p = _sigmoid(z - margin), _sigmoid(z)
        return -((1 - above) ** gamma) * log(above) if there else (lamb - p) * p**2

    _compare(_built("hill", lamb=lamb, margin=margin, gamma=gamma), formula)


def test_hill_pulls_little_at_a_class_that_is_probably_forgotten() -> None:
    """The slope of the negative part is steepest at p = 1/2 and gone at p = 1, where that of BCE is steepest."""
    z = torch.linspace(-8, 8, 33, dtype=torch.float64)[None].requires_grad_()
    (slope,) = torch.autograd.grad(_built("hill").each(z, torch.zeros_like(z)).sum(), z)
    p = torch.sigmoid(z.detach())
    torch.testing.assert_close(slope, 3 * p**2 * (1 - p) ** 2)
    assert slope.argmax() == 16


@pytest.mark.parametrize("epoch", [0, 1])
def test_splc(epoch: int) -> None:
    def formula(z: float, there: bool, _: int) -> float:
        corrected = there or (epoch >= 1 and _sigmoid(z) > 0.6)
        p = _sigmoid(z - 1.0 if there else z) if corrected else 1 - _sigmoid(z)
        return -((1 - p) ** 2) * log(p)

    loss = _built("splc")
    loss.begin_epoch(progress=epoch / 20, epoch=epoch)
    _compare(loss, formula)


def test_positives_weigh_the_ratio_of_the_training_cells() -> None:
    counts = ClassCounts(COUNTS.score, COUNTS.sign.copy())
    lone = LAYOUT.blocks[SCHEMA.index["season"]].start
    counts.sign[lone] = [30, 0]  # a class that no training row has: no 30 / 0
    loss = _built("binary_cross_entropy", counts=counts, pos_weight=True)
    assert loss.needs == {"counts"}

    def formula(z: float, there: bool, column: int) -> float:
        negative, positive = counts.sign[column]
        return -log(_sigmoid(z)) * (negative / positive if positive else 1.0) if there else -log(1 - _sigmoid(z))

    _compare(loss, formula)
    column = LAYOUT.blocks[place := SCHEMA.index["waterproof"]].start
    ratio = torch.tensor(counts.sign[column][0] / counts.sign[column][1])
    theirs = functional.binary_cross_entropy_with_logits(
        LOGITS[:, column], TARGETS.sign[:, column], pos_weight=ratio, reduction="none"
    )
    ours = loss(Outputs(LOGITS, torch.empty(0), {}), TARGETS, even_weights(SCHEMA)).loss[:, loss.places.index(place)]
    torch.testing.assert_close(ours, torch.where(TARGETS.sign_mask[:, column], theirs, 0.0))


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_smooth_l1(beta: float) -> None:
    place = SCHEMA.index["price"]
    logits = LOGITS.clone().requires_grad_()
    loss = LOSSES["smooth_l1"](schema=SCHEMA, places=(place,), beta=beta)
    found = loss(Outputs(logits, torch.empty(0), {}), TARGETS, even_weights(SCHEMA)).loss[:, 0]
    block = LAYOUT.blocks[place]
    for row in range(ITEMS):
        r = float(LOGITS[row, block.start] - TARGETS.number[row, place])
        wanted = r**2 / (2 * beta) if abs(r) < beta else abs(r) - beta / 2
        assert float(found[row].detach()) == pytest.approx(wanted * bool(TARGETS.number_mask[row, place]), rel=1e-12)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert (gradient[:, block.start + 1] == 0).all()
    huber = functional.huber_loss(LOGITS[:, block.start], TARGETS.number[:, place], delta=beta, reduction="none")
    known = TARGETS.number_mask[:, place]
    np.testing.assert_allclose(found.detach()[known] * beta, huber[known], rtol=1e-12)
