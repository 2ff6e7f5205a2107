"""Defects of public code for losses and their schedules; each test fails on the code it is named after."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from facetwise.errors import ConfigError
from facetwise.models import build_model, ways_to_promise
from facetwise.objectives import (
    LOSSES,
    REWEIGHTING,
    ClassWeights,
    Objective,
    Outputs,
    class_weights,
    count_classes,
    make_targets,
    plain_objective,
)
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema
from made_facets import (
    LOSSES_BY_KIND,
    even_weights,
    forget,
    made_labels,
    made_logits,
    made_objective,
    made_schema,
    made_targets,
)

SCHEMA = made_schema()
LABELS = made_labels(SCHEMA, 30, seed=3)
TARGETS = made_targets(SCHEMA, LABELS)
LOGITS = made_logits(SCHEMA, 30)
FEATURES = torch.ones(30, 4, dtype=torch.float64)
PLACE = SCHEMA.index["colour"]


def _one(logits: list[float], label: int) -> tuple[Schema, Outputs, object]:
    """One categorical attribute, one row."""
    names = tuple(f"c{n}" for n in range(len(logits)))
    schema = Schema(images=("i",), attributes=(Attribute(column="c", id="a0", kind=Kind.CATEGORICAL, classes=names),))
    labels = Labels(
        state=np.array([[VALUE]], dtype=np.int8), index=np.array([[label]], dtype=np.int32),
        members=np.zeros((1, len(logits)), dtype=np.uint8), number=np.full((1, 1), np.nan),
    )  # fmt: skip
    outputs = Outputs(torch.tensor([logits], dtype=torch.float64), torch.ones(1, 2).double(), {})
    return schema, outputs, made_targets(schema, labels)


def test_focal_has_no_hidden_factor_and_its_p_is_unweighted() -> None:
    """Public code multiplies by 10, and takes p = exp(-w CE): 0.53 in place of 0.88 at weight 5."""
    z = float(np.log(0.88 / 0.12))
    schema, outputs, targets = _one([z, 0.0], 0)
    weights = even_weights(schema)
    weights.score.fill_(5.0)
    loss = LOSSES["focal"](schema=schema, places=(0,), gamma=1.0)(outputs, targets, weights).loss
    assert float(loss) == pytest.approx(5.0 * 0.12 * -np.log(0.88), rel=1e-9)


def test_margins_without_a_cosine_head_are_refused() -> None:
    """Public code multiplies unbounded logits by 30."""
    objective = made_objective(SCHEMA, categorical=("ldam", {}))
    assert objective.needs == {"counts", "cosine"}
    objective.require({"features", "cosine"})
    with pytest.raises(ConfigError, match="'cosine'") as error:
        objective.require({"features"})
    assert "'colour'" in str(error.value)
    made_objective(SCHEMA).require(set())


@pytest.mark.parametrize(
    ("head", "levels", "depth", "fits"),
    [
        ("cosine", [3, 5], False, True),
        ("cosine", [8], True, True),  # one level speaks through the trunk alone
        ("cosine", [3, 5], True, False),
        ("linear", [3, 5], False, False),
    ],
)
def test_margins_without_cosines_are_refused(head: str, levels: list[int], *, depth: bool, fits: bool) -> None:
    """What the levels add to cosines has no bounds, and the sum is no cosine."""
    model = build_model(SCHEMA, levels=levels, head=head, depth=depth)
    objective = made_objective(SCHEMA, categorical=("ldam", {}))
    if fits:
        objective.require(model.provides, ways_to_promise())
        return
    with pytest.raises(ConfigError, match="write head: cosine and depth: false, or choose another loss"):
        objective.require(model.provides, ways_to_promise())


def test_influence_factor_is_a_weight_and_not_a_term() -> None:
    """With the factor in the graph the gradient is another one, and features get a gradient from the loss itself."""
    loss = LOSSES["influence_balanced"](schema=SCHEMA, places=(PLACE,), start=0)
    logits, features = LOGITS.clone().requires_grad_(), FEATURES.clone().requires_grad_()
    found = loss(Outputs(logits, features, {}), TARGETS, even_weights(SCHEMA))
    assert not found.divisor.requires_grad
    found.loss.sum().backward()
    assert features.grad is None
    plain = LOGITS.clone().requires_grad_()
    cells = LOSSES["cross_entropy"](schema=SCHEMA, places=(PLACE,))(
        Outputs(plain, features, {}), TARGETS, even_weights(SCHEMA)
    )
    (cells.loss * found.divisor).sum().backward()
    torch.testing.assert_close(logits.grad, plain.grad)


@pytest.mark.parametrize(
    ("start", "epochs", "first"), [(3, 20, 3), (0.5, 20, 10), (100, 200, 100), (0, 5, 0), (0.0, 5, 0)]
)
def test_influence_starts_when_it_is_told_to(start: float, epochs: int, first: int) -> None:
    """Public code overwrites its own start by the constant 15."""
    loss = LOSSES["influence_balanced"](schema=SCHEMA, places=(PLACE,), start=start)
    active = []
    for epoch in range(epochs):
        loss.begin_epoch(progress=epoch / epochs, epoch=epoch)
        active.append(loss(Outputs(LOGITS, FEATURES, {}), TARGETS, even_weights(SCHEMA)).divisor is not None)
    assert active == [epoch >= first for epoch in range(epochs)]


def test_deferred_weights_in_a_long_training() -> None:
    """Public code looks β up by `epoch // 160` and fails from epoch 320 on."""
    rule = REWEIGHTING["drw"](defer_until=160)
    weights = [rule.weights(np.array([90, 10]), progress=epoch / 400, epoch=epoch)[1] for epoch in range(400)]
    assert set(weights[:160]) == {1.0}
    assert len(set(weights[160:])) == 1
    assert weights[-1] > 4


def test_beta_reaches_the_weights() -> None:
    """Public code has an option beta and constants in its place."""
    counts = np.array([1000, 10])
    rows = {beta: REWEIGHTING["class_balanced"](beta=beta).weights(counts, progress=0.0)[1] for beta in (0.9, 0.999)}
    assert rows[0.9] < rows[0.999]
    balances = []
    for beta in (0.9, 0.999):
        loss = LOSSES["class_balanced"](schema=SCHEMA, places=(PLACE,), beta=beta)
        loss.prepare(count_classes(SCHEMA, LABELS))
        balances.append(loss.balance)
    assert not torch.equal(*balances)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if "counts" in loss.needs])
def test_a_class_that_the_split_lacks(name: str) -> None:
    """Public code raises KeyError, divides by 1 - β⁰ or takes log 0; a batch may have the class all the same."""
    lacking = forget(SCHEMA, LABELS, np.flatnonzero(LABELS.index[:, PLACE] == 2), [PLACE])
    loss = LOSSES[name](schema=SCHEMA, places=(PLACE,))
    loss.prepare(count_classes(SCHEMA, lacking), dtype=torch.float64)
    outputs = Outputs(LOGITS, FEATURES, {"scale": torch.ones(LOGITS.shape[1])})
    cells = loss(outputs, TARGETS, even_weights(SCHEMA)).loss
    assert cells[torch.from_numpy(LABELS.index[:, PLACE] == 2)].isfinite().all()


def test_the_two_normalisations_of_weighted_cross_entropy() -> None:
    """(w ℓ).mean() and Σ w ℓ / Σ w are different objectives; each is what it says."""
    weights = even_weights(SCHEMA)
    weights.score.copy_(torch.linspace(0.2, 3.0, len(weights.score)))
    block = SCHEMA.layout().blocks[PLACE]
    index = TARGETS.index[:, PLACE]
    logits, own = LOGITS[:, block.logits], weights.score[block.scores]
    theirs = {
        "weights": functional.cross_entropy(logits, index, weight=own, ignore_index=-1),
        "cells": functional.cross_entropy(logits, index, weight=own, ignore_index=-1, reduction="sum")
        / (index >= 0).sum(),
    }
    assert abs(theirs["weights"] - theirs["cells"]) > 1e-3
    for normalisation, wanted in theirs.items():
        objective = made_objective(SCHEMA, categorical=("cross_entropy", {"normalisation": normalisation}))
        losses, _ = objective(Outputs(LOGITS, FEATURES, {}), TARGETS, weights).mean()
        torch.testing.assert_close(losses[PLACE], wanted)
        # Batches add up: the ratio of the sums, not the mean of the ratios.
        halves = [torch.arange(0, 7), torch.arange(7, 30)]
        parts = [objective(Outputs(LOGITS[h], FEATURES[h], {}), TARGETS.take(h), weights) for h in halves]
        joined = type(parts[0])(*(a + b for a, b in zip(*parts, strict=True))).mean()[0]
        torch.testing.assert_close(joined, losses)


def test_weights_of_zero_in_a_batch_divide_nothing_by_zero() -> None:
    weights = even_weights(SCHEMA)
    weights.score.zero_()
    objective = made_objective(SCHEMA, categorical=("cross_entropy", {"normalisation": "weights"}))
    losses, active = objective(Outputs(LOGITS, FEATURES, {}), TARGETS, weights).mean()
    assert active[PLACE]
    assert losses.isfinite().all()
    assert losses[PLACE] == 0


def test_the_measure_of_validation_does_not_move_with_the_schedule() -> None:
    """A training loss changes its meaning when a schedule switches; the plain one is the same for every choice."""
    plain, weights = plain_objective(SCHEMA), even_weights(SCHEMA)
    outputs = Outputs(LOGITS, torch.empty(0), {})  # validation has no features to give
    wanted = made_objective(SCHEMA)(outputs, TARGETS, weights).mean()[0]
    assert plain.needs == set()
    for epoch in (0, 19):
        plain.begin_epoch(progress=epoch / 20, epoch=epoch)
        torch.testing.assert_close(plain(outputs, TARGETS, weights).mean()[0], wanted, rtol=0, atol=0)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_sums_in_half_precision_do_not_saturate(half: torch.dtype) -> None:
    """An accumulator in fp16 stands still at 2048, one in bf16 at 256."""
    schema = Schema(
        images=("i",), attributes=(Attribute(column="c", id="a0", kind=Kind.BINARY, classes=("no", "yes"),
                                             own_applicability=True),),
    )  # fmt: skip
    labels = made_labels(schema, 5000, unknown=0.0)
    targets = made_targets(schema, labels, torch.float32)
    logits = torch.ones(5000, schema.layout().num_logits, dtype=half)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = plain_objective(schema)(
            Outputs(logits, torch.empty(0), {}), targets, even_weights(schema, torch.float32)
        )
    assert all(tensor.dtype is torch.float32 for tensor in reduced)
    assert float(reduced.cells) == (labels.state == VALUE).sum()
    says = labels.index[labels.index[:, 0] >= 0, 0]
    wanted = np.where(says == 1, np.log1p(np.exp(-1.0)), np.log1p(np.exp(1.0))).sum()
    assert float(reduced.total) == pytest.approx(wanted, rel=1e-5)


def test_a_batch_without_labels_still_goes_backward() -> None:
    """A constant 0 without a graph makes `backward` fail."""
    logits = LOGITS.clone().requires_grad_()
    objective = made_objective(SCHEMA, categorical=("influence_balanced", {"start": 0}))
    targets = made_targets(SCHEMA, forget(SCHEMA, LABELS, np.arange(30)))
    losses, active = objective(Outputs(logits, FEATURES, {}), targets, even_weights(SCHEMA)).mean()
    losses.sum().backward()
    assert not active.any()
    assert (logits.grad == 0).all()


@pytest.mark.parametrize(
    "loss",
    [
        ("cross_entropy", {}),
        ("cross_entropy", {"normalisation": "weights"}),
        ("influence_balanced", {"start": 0}),
        ("influence_balanced", {"start": 0, "gamma": 1.0}),
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_side_losses_have_the_mean_of_their_own_cells(loss: tuple[str, dict[str, object]], *, weighted: bool) -> None:
    """What a loss divides its cells by (factors, class weights) is no business of the category that is predicted on the
    way, nor of the gates; how much a row counts is."""
    generator = torch.Generator().manual_seed(4)
    rows = torch.rand(30, generator=generator, dtype=torch.float64) * 2
    targets = replace(TARGETS, weight=rows) if weighted else TARGETS
    weights = even_weights(SCHEMA)
    weights.score.copy_(torch.rand(len(weights.score), generator=generator, dtype=torch.float64) + 0.1)
    aux = {
        "category_logits": torch.randn(30, 3, generator=generator, dtype=torch.float64),
        "attribute_penalty": torch.rand(len(SCHEMA.attributes), generator=generator, dtype=torch.float64),
    }
    objective = made_objective(SCHEMA, categorical=loss)
    plain = objective(Outputs(LOGITS, 5 * FEATURES, {}), targets, weights).mean()[0]
    found = objective(Outputs(LOGITS, 5 * FEATURES, aux), targets, weights).mean()[0]
    wanted = aux["attribute_penalty"].clone()
    place = SCHEMA.index["department"]
    known = TARGETS.index[:, place] >= 0
    each = -aux["category_logits"].log_softmax(dim=1)[known].gather(1, TARGETS.index[known, place, None])[:, 0]
    wanted[place] += (each * rows[known]).mean() if weighted else each.mean()
    torch.testing.assert_close(found - plain, wanted)


def test_masks_are_booleans_and_unknown_is_no_class() -> None:
    """Public code hands label -1 to a loss before masking, and keeps masks as numbers."""
    targets = make_targets(SCHEMA, LABELS, np.full(LABELS.number.shape, np.nan))
    assert targets.sign_mask.dtype is targets.number_mask.dtype is torch.bool
    assert (targets.index[:, PLACE] == -1).any()


# -- the choice per attribute ----------------------------------------------------------------------------------------


def test_an_attribute_may_have_a_loss_of_its_own() -> None:
    chosen = {"colour": ("F-CB", {"gamma": 3.0}), "waterproof": ("asymmetric", {}), "price": ("huber", {})}
    objective = Objective(schema=SCHEMA, losses=LOSSES_BY_KIND, by_attribute=chosen)
    objective.prepare(count_classes(SCHEMA, LABELS), dtype=torch.float64)
    outputs = Outputs(LOGITS, FEATURES, {})
    losses, _ = objective(outputs, TARGETS, even_weights(SCHEMA)).mean()
    default, _ = made_objective(SCHEMA)(outputs, TARGETS, even_weights(SCHEMA)).mean()
    changed = {a.column for a, one, two in zip(SCHEMA.attributes, losses, default, strict=True) if one != two}
    assert changed == set(chosen)
    loss = LOSSES["class_balanced"](schema=SCHEMA, places=(PLACE,), beta=0.9999, gamma=3.0)
    loss.prepare(count_classes(SCHEMA, LABELS), dtype=torch.float64)
    cells = loss(outputs, TARGETS, even_weights(SCHEMA))
    torch.testing.assert_close(losses[PLACE], cells.loss.sum() / cells.labelled.sum())


def test_every_wrong_choice_is_named_at_once() -> None:
    wrong = {"color": ("focal", {}), "price": ("focal", {}), "waterproof": ("asymetric", {})}
    with pytest.raises(ConfigError) as error:
        Objective(schema=SCHEMA, losses=LOSSES_BY_KIND, by_attribute=wrong)
    text = str(error.value)
    assert "did you mean colour?" in text
    assert "a loss of 'price' scores numeric attributes" in text
    assert "did you mean asymmetric?" in text
    bad = {"colour": ("focal", {"gamma": -1.0}), "brand": ("vs", {"start": 2.5, "tau": -1.0})}
    with pytest.raises(ConfigError) as error:
        Objective(schema=SCHEMA, losses=LOSSES_BY_KIND, by_attribute=bad)
    assert [part in str(error.value) for part in ("gamma", "start", "tau")] == [True] * 3


def test_training_weights_and_counts_follow_the_device_and_the_type() -> None:
    """Public code builds its constants with `torch.cuda.FloatTensor`."""
    objective = made_objective(SCHEMA, categorical=("ldam", {}))
    objective.prepare(count_classes(SCHEMA, LABELS))
    assert {buffer.device.type for buffer in objective.buffers()} == {"cpu"}
    assert objective.state_dict() == {}
    moved = objective.to("meta")
    assert {buffer.device.type for buffer in moved.buffers()} == {"meta"}


def test_deferred_weights_arrive_in_the_weights_of_the_epoch() -> None:
    rule, counts = REWEIGHTING["drw"](defer_until=2, beta=1.0), count_classes(SCHEMA, LABELS)

    def weights(epoch: int) -> ClassWeights:
        return class_weights(SCHEMA, counts, rule, progress=epoch / 10, epoch=epoch)

    even, later = weights(1), weights(2)
    balanced = class_weights(SCHEMA, counts, REWEIGHTING["balanced"](), progress=0.0)
    seen = torch.from_numpy(counts.score > 0)
    assert set(even.score[seen].tolist()) == {1.0}
    torch.testing.assert_close(later.score, balanced.score)
    torch.testing.assert_close(later.positive, balanced.positive)
