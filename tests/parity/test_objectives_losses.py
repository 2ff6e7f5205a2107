"""Losses against torch's own functions in a loop, brute force and the formulas."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from facetwise.decisions import scores_from_logits
from facetwise.objectives import (
    LOSSES,
    REWEIGHTING,
    ClassWeights,
    Outputs,
    class_weights,
    count_classes,
    segment_log_softmax,
    segment_logsumexp,
)
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind
from made_facets import (
    COARSE,
    FINE,
    LOSSES_BY_KIND,
    even_weights,
    forget,
    made_labels,
    made_logits,
    made_objective,
    made_scales,
    made_schema,
    made_targets,
)

ITEMS = 60
SCHEMA = made_schema()
LAYOUT = SCHEMA.layout()
LABELS = made_labels(SCHEMA, ITEMS, seed=2)
TARGETS = made_targets(SCHEMA, LABELS)
LOGITS = made_logits(SCHEMA, ITEMS)
SCALES = made_scales(SCHEMA, LABELS)


def _uneven() -> ClassWeights:
    weights = even_weights(SCHEMA)
    generator = torch.Generator().manual_seed(3)
    for tensor in (weights.score, weights.negative, weights.positive):
        tensor.copy_(torch.rand(len(tensor), generator=generator, dtype=torch.float64) + 0.5)
    return weights


def _cells(name: str, weights: ClassWeights, **options: object) -> dict[str, torch.Tensor]:
    """Per column the cell losses."""
    loss = LOSSES[name](schema=SCHEMA, places=SCHEMA.of_kind(*LOSSES[name].kinds), **options)
    result = loss(Outputs(LOGITS, torch.empty(0), {}), TARGETS, weights)
    return {SCHEMA.attributes[place].column: result.loss[:, n] for n, place in enumerate(loss.places)}


def _softmaxed_leaves() -> dict[str, torch.Tensor]:
    """P of every leaf of the hierarchy by the name of the leaf, with plain loops."""
    block = LAYOUT.blocks[SCHEMA.index["fine"]]
    chance = LOGITS[:, block.logits].softmax(dim=1)
    return {name.removeprefix("a02/"): chance[:, n] for n, name in enumerate(block.names)}


def _hierarchy() -> dict[str, dict[str, torch.Tensor]]:
    """P of every class of the three levels as sums over leaves, written out."""
    leaves = _softmaxed_leaves()
    fine = {name: leaves[f"a02/{name}"] for name in FINE}
    coarse = {name: torch.zeros(ITEMS, dtype=torch.float64) for name in COARSE}
    for child, parent in FINE.items():
        coarse[parent] = coarse[parent] + fine[child]
    for name in ("flat", "dress"):
        coarse[name] = coarse[name] + leaves[f"a01/{name}"]
    department = {name: torch.zeros(ITEMS, dtype=torch.float64) for name in ("clothes", "shoes", "bags")}
    for child, parent in COARSE.items():
        department[parent] = department[parent] + coarse[child]
    department["bags"] = department["bags"] + leaves["a00/bags"]
    return {"fine": fine, "coarse": coarse, "department": department}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("column", ["colour", "brand"])
def test_cross_entropy_is_torchs_per_attribute(column: str, smoothing: float) -> None:
    ours = _cells("cross_entropy", even_weights(SCHEMA), label_smoothing=smoothing)[column]
    place = SCHEMA.index[column]
    index = torch.from_numpy(LABELS.index[:, place]).long()
    theirs = functional.cross_entropy(
        LOGITS[:, LAYOUT.blocks[place].logits], index, ignore_index=-1, label_smoothing=smoothing, reduction="none"
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("column", ["colour", "brand"])
def test_class_weights_are_torchs_per_attribute(column: str) -> None:
    weights = _uneven()
    ours = _cells("cross_entropy", weights)[column]
    block = LAYOUT.blocks[place := SCHEMA.index[column]]
    theirs = functional.cross_entropy(
        LOGITS[:, block.logits], torch.from_numpy(LABELS.index[:, place]).long(), ignore_index=-1, reduction="none",
        weight=weights.score[block.scores],
    )  # fmt: skip
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("column", ["fine", "coarse", "department"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_hierarchy_is_the_sum_of_the_children(column: str, smoothing: float) -> None:
    weights = _uneven()
    ours = _cells("cross_entropy", weights, label_smoothing=smoothing)[column]
    chance, place = _hierarchy()[column], SCHEMA.index[column]
    classes = SCHEMA.attributes[place].classes
    for row in range(ITEMS):
        if LABELS.state[row, place] != VALUE:
            assert ours[row] == 0
            continue
        code = LABELS.index[row, place]
        spread = -sum(chance[name][row].log() for name in classes) / len(classes)
        expected = (1 - smoothing) * -chance[classes[code]][row].log() + smoothing * spread
        expected = expected * weights.score[LAYOUT.blocks[place].score_start + code]
        torch.testing.assert_close(ours[row], expected, rtol=1e-10, atol=1e-12)


def test_hierarchy_of_the_scores_is_that_of_the_loss() -> None:
    """`decisions` shares out the mass of lone ancestors; up to that they say the same."""
    scores, _ = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy())
    for column, chance in _hierarchy().items():
        place = SCHEMA.index[column]
        expected = torch.stack([chance[name] for name in SCHEMA.attributes[place].classes], dim=1)
        expected = expected / expected.sum(dim=1, keepdim=True)
        np.testing.assert_allclose(scores[:, LAYOUT.blocks[place].scores], expected, rtol=1e-5, atol=1e-6)


def test_binary_cross_entropy_is_torchs() -> None:
    weights = _uneven()
    weights.negative.fill_(1.0)
    ours = _cells("binary_cross_entropy", weights)
    for column, losses in ours.items():
        place = SCHEMA.index[column]
        block, valued = LAYOUT.blocks[place], LABELS.state[:, place] == VALUE
        if SCHEMA.attributes[place].kind is Kind.BINARY:
            truth = torch.from_numpy(LABELS.index[:, [place]] == 1).double()
        else:
            truth = torch.from_numpy(LABELS.members[:, block.scores]).double()
        theirs = functional.binary_cross_entropy_with_logits(
            LOGITS[:, block.logits], truth, pos_weight=weights.positive[block.logits], reduction="none"
        ).mean(dim=1)
        expected = torch.where(torch.from_numpy(valued), theirs, 0.0)
        torch.testing.assert_close(losses, expected, rtol=1e-12, atol=1e-13)


def test_binary_cross_entropy_weighs_both_sides() -> None:
    weights, column = _uneven(), "waterproof"
    block = LAYOUT.blocks[place := SCHEMA.index[column]]
    chance = LOGITS[:, block.start].sigmoid()
    positive, negative = weights.positive[block.start], weights.negative[block.start]
    ours = _cells("binary_cross_entropy", weights)[column]
    for row in range(ITEMS):
        says = LABELS.index[row, place]
        expected = {-1: 0.0, 0: -negative * (1 - chance[row]).log(), 1: -positive * chance[row].log()}[int(says)]
        assert float(ours[row]) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("column", ["size", "heel height"])
def test_corn_is_the_likelihood_of_the_chain_rule(column: str) -> None:
    weights = _uneven()
    ours = _cells("corn", weights)[column]
    block = LAYOUT.blocks[place := SCHEMA.index[column]]
    steps = LOGITS[:, block.logits].sigmoid()  # P(y > k | y >= k)
    classes = len(SCHEMA.attributes[place].classes)
    scores, _ = scores_from_logits(SCHEMA, SCALES, LOGITS.numpy())
    for row in range(ITEMS):
        chance = []
        for code in range(classes):
            reached = torch.stack([steps[row, k] for k in range(code)]).prod() if code else torch.tensor(1.0).double()
            chance.append(reached * (1 - steps[row, code]) if code < classes - 1 else reached)
        torch.testing.assert_close(sum(chance), torch.tensor(1.0).double())
        np.testing.assert_allclose(scores[row, block.scores], [float(c) for c in chance], rtol=1e-5, atol=1e-6)
        code = LABELS.index[row, place]
        expected = -chance[code].log() * weights.score[block.score_start + code] if code >= 0 else torch.tensor(0.0)
        torch.testing.assert_close(ours[row], expected.double(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.0])
@pytest.mark.parametrize("column", ["price", "weight"])
def test_robust_gaussian_is_its_formula(column: str, beta: float) -> None:
    logits = (LOGITS * 3).requires_grad_()
    loss = LOSSES["robust_gaussian"](schema=SCHEMA, places=(place := SCHEMA.index[column],), beta=beta)
    ours = loss(Outputs(logits, torch.empty(0), {}), TARGETS, _uneven())
    block, number = LAYOUT.blocks[place], TARGETS.number[:, place]
    mean, raw = logits.detach()[:, block.start], logits.detach()[:, block.start + 1]
    spread, away = raw.clamp(-7, 3), (mean - number).abs()
    fit = torch.where(away < beta, away**2 / (2 * beta), away - beta / 2)
    gauss = -torch.distributions.Normal(mean, spread.exp()).log_prob(number) - 0.5 * np.log(2 * np.pi)
    known = TARGETS.number_mask[:, place]
    torch.testing.assert_close(ours.loss[:, 0], torch.where(known, fit + gauss, 0.0), rtol=1e-10, atol=1e-12)
    (gradient,) = torch.autograd.grad(ours.loss.sum(), logits)
    of_mean = torch.where(away < beta, (mean - number) / beta, (mean - number).sign())
    of_spread = torch.where(raw == spread, 1 - (mean - number) ** 2 * (-2 * spread).exp(), 0.0)
    torch.testing.assert_close(gradient[:, block.start], torch.where(known, of_mean, 0.0), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient[:, block.start + 1], torch.where(known, of_spread, 0.0), rtol=1e-9, atol=1e-9)


def test_objective_is_the_loop_over_attributes() -> None:
    weights = _uneven()
    reduced = made_objective(SCHEMA)(Outputs(LOGITS, torch.empty(0), {}), TARGETS, weights)
    means, active = reduced.mean()
    assert active.all()
    cells = {}
    for name in {name for name, _ in LOSSES_BY_KIND.values()}:
        cells |= _cells(name, weights)
    for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, LAYOUT.blocks, strict=True)):
        valued = LABELS.state[:, place] == VALUE
        expected = cells[attribute.column].sum() / valued.sum()
        if block.applicability is not None:
            known = torch.from_numpy(valued | (LABELS.state[:, place] == NOT_APPLICABLE))
            z, says = LOGITS[:, block.applicability], torch.from_numpy(valued)
            each = -torch.where(
                says,
                weights.positive[block.applicability] * functional.logsigmoid(z),
                weights.negative[block.applicability] * functional.logsigmoid(-z),
            )
            expected = expected + each[known].sum() / known.sum()
        torch.testing.assert_close(means[place], expected, rtol=1e-10, atol=1e-12)


def test_masking_equals_removal_per_attribute() -> None:
    """The loss of a batch with masked rows is that of the batch without those rows; other attributes stay."""
    objective, weights, hidden = made_objective(SCHEMA), _uneven(), np.arange(0, ITEMS, 3)
    kept = np.setdiff1d(np.arange(ITEMS), hidden)
    logits = LOGITS.clone().requires_grad_()
    removed_logits = LOGITS[kept].clone().requires_grad_()
    removed = objective(
        Outputs(removed_logits, torch.empty(0), {}), made_targets(SCHEMA, LABELS.take(kept)), weights
    ).mean()[0]
    whole = objective(Outputs(logits, torch.empty(0), {}), TARGETS, weights).mean()[0]
    for place in range(len(SCHEMA.attributes)):
        targets = made_targets(SCHEMA, forget(SCHEMA, LABELS, hidden, [place]))
        masked = objective(Outputs(logits, torch.empty(0), {}), targets, weights).mean()[0]
        torch.testing.assert_close(masked[place], removed[place], rtol=1e-12, atol=1e-13)
        others = [n for n in range(len(SCHEMA.attributes)) if n != place]
        torch.testing.assert_close(masked[others], whole[others], rtol=1e-12, atol=1e-13)
        (first,) = torch.autograd.grad(masked[place], logits)
        (second,) = torch.autograd.grad(removed[place], removed_logits, retain_graph=True)
        torch.testing.assert_close(first[kept], second, rtol=1e-12, atol=1e-13)
        assert (first[hidden] == 0).all()


def test_sums_of_parts_are_the_sum_of_the_whole() -> None:
    """Batches add totals and counts before the mean is taken."""
    objective, weights, half = made_objective(SCHEMA), _uneven(), torch.arange(ITEMS) < 25
    parts = [
        objective(Outputs(LOGITS[rows], torch.empty(0), {}), TARGETS.take(rows.nonzero().squeeze(1)), weights)
        for rows in (half, ~half)
    ]
    joined = type(parts[0])(*(a + b for a, b in zip(*parts, strict=True))).mean()[0]
    whole = objective(Outputs(LOGITS, torch.empty(0), {}), TARGETS, weights).mean()[0]
    torch.testing.assert_close(joined, whole, rtol=1e-12, atol=1e-13)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    weights = class_weights(SCHEMA, count_classes(SCHEMA, LABELS), REWEIGHTING["balanced"](), progress=0.0)
    for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, LAYOUT.blocks, strict=True)):
        valued = LABELS.state[:, place] == VALUE
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL):
            truth = LABELS.index[valued, place]
            seen = np.unique(truth)
            expected = np.zeros(len(attribute.classes))
            expected[seen] = compute_class_weight("balanced", classes=seen, y=truth)
            np.testing.assert_allclose(weights.score[block.scores], expected, rtol=1e-5)
        elif attribute.kind in (Kind.BINARY, Kind.MULTILABEL):
            truth = LABELS.members[valued][:, block.scores]
            truth = LABELS.index[valued][:, [place]] if attribute.kind is Kind.BINARY else truth
            for n, column in enumerate(range(block.start, block.stop)):
                low, high = compute_class_weight("balanced", classes=np.array([0, 1]), y=truth[:, n])
                assert float(weights.negative[column]) == pytest.approx(low, rel=1e-5)
                assert float(weights.positive[column]) == pytest.approx(high, rel=1e-5)
        if block.applicability is not None:
            says = np.concatenate([np.ones(valued.sum()), np.zeros((LABELS.state[:, place] == NOT_APPLICABLE).sum())])
            low, high = compute_class_weight("balanced", classes=np.array([0, 1]), y=says)
            assert float(weights.negative[block.applicability]) == pytest.approx(low, rel=1e-5)
            assert float(weights.positive[block.applicability]) == pytest.approx(high, rel=1e-5)


def test_sqrt_weights_lie_half_way_between_none_and_balanced() -> None:
    """Up to the scale, the geometric mean of the two."""
    counts = np.array([400, 60, 9, 1])
    none, balanced, sqrt = (REWEIGHTING[n]().weights(counts, progress=0.0) for n in ("none", "balanced", "sqrt"))
    middle = np.sqrt(none * balanced)
    np.testing.assert_allclose(sqrt, middle * counts.sum() / (middle * counts).sum(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_segments_with_extreme_logits(dtype: torch.dtype) -> None:
    widths, segment = [3, 1, 4], torch.tensor([0, 0, 0, 1, 2, 2, 2, 2])
    levels = [-1e4, 0.0, 1e4]
    rows = [
        [a + d for d in (0.0, 1.0, -2.0)] + [b] + [c + d for d in (0.0, 1e4, -1e4, 3.0)]
        for a, b, c in itertools.product(levels, levels, levels)
    ]
    logits = torch.tensor(rows, dtype=dtype, requires_grad=True)
    ours = segment_log_softmax(logits, segment, 3)
    theirs = torch.cat([part.log_softmax(dim=1) for part in logits.split(widths, dim=1)], dim=1)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-3 if dtype is torch.float32 else 1e-10)
    pull = torch.randn(ours.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    (first,) = torch.autograd.grad((ours * pull).sum(), logits, retain_graph=True)
    (second,) = torch.autograd.grad((theirs * pull).sum(), logits)
    close = 1e-3 if dtype is torch.float32 else 1e-9
    torch.testing.assert_close(first, second, rtol=close, atol=close)
    sums = segment_logsumexp(logits, segment, 3)
    expected = torch.stack([part.logsumexp(dim=1) for part in logits.split(widths, dim=1)], dim=1)
    torch.testing.assert_close(sums, expected, rtol=1e-6, atol=1e-6)
