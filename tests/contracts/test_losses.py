"""Every line of LOSSES: masks, gradients, order, precision. A new line is tested without writing a loop."""

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from facetwise.objectives import (
    LOSS_ALIASES,
    LOSS_ALIASES_BY_KIND,
    LOSSES,
    REWEIGHTING,
    Loss,
    Objective,
    Outputs,
    Targets,
    class_weights,
    count_classes,
)
from facetwise.schema import Attribute, Kind, Labels, Schema
from made_facets import LOSSES_BY_KIND, even_weights, forget, made_labels, made_logits, made_schema, made_targets

ITEMS = 24
SCHEMA = made_schema()
LABELS = made_labels(SCHEMA, ITEMS, seed=1)


def _loss(
    name: str,
    schema: Schema = SCHEMA,
    labels: Labels = LABELS,
    places: tuple[int, ...] | None = None,
    **options: object,
) -> Loss:
    """Prepared, as training does it."""
    places = schema.of_kind(*LOSSES[name].kinds) if places is None else places
    loss = LOSSES[name](schema=schema, places=places, **options)
    loss.prepare(count_classes(schema, labels), dtype=torch.float64)
    return loss


def _late(name: str, **options: object) -> Loss:
    """Near the end of training, where every schedule has switched."""
    loss = _loss(name, **options)
    loss.begin_epoch(progress=0.95, epoch=95)
    return loss


def _outputs(logits: torch.Tensor) -> Outputs:
    """With everything that a loss may need: a representation, and logits that are cosines times 4."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(len(logits), 5, generator=generator, dtype=torch.float64).to(logits.dtype)
    return Outputs(logits, features, {"scale": torch.full((logits.shape[1],), 4.0)})


def _logits(items: int = ITEMS, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return made_logits(SCHEMA, items, dtype=dtype).requires_grad_()


def _targets(labels: Labels = LABELS, dtype: torch.dtype = torch.float64) -> Targets:
    return made_targets(SCHEMA, labels, dtype)


every_loss = pytest.mark.parametrize("name", LOSSES)
every_stage = pytest.mark.parametrize("built", [_loss, _late], ids=["early", "late"])


@every_loss
def test_is_described(name: str) -> None:
    island = LOSSES[name]
    assert island.kinds
    assert island.needs <= {"features", "counts", "cosine"}
    assert "Source" in (island.__doc__ or "")
    options = list(inspect.signature(island.__init__).parameters.values())[1:]
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert {"schema", "places"} <= {option.name for option in options}
    assert all(option.default is not inspect.Parameter.empty for option in options[2:])


@every_loss
@every_stage
def test_a_batch_without_labels_costs_nothing(name: str, built: Callable[..., Loss]) -> None:
    logits = _logits()
    result = built(name)(_outputs(logits), _targets(forget(SCHEMA, LABELS, np.arange(ITEMS))), even_weights(SCHEMA))
    assert not result.labelled.any()
    assert (result.loss == 0).all()
    result.loss.sum().backward()
    assert logits.grad is None or (logits.grad == 0).all()


@every_loss
@every_stage
def test_labelled_is_the_state_value(name: str, built: Callable[..., Loss]) -> None:
    loss = built(name)
    result = loss(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    assert result.loss.shape == result.labelled.shape == (ITEMS, len(loss.places))
    assert (result.labelled.numpy() == (LABELS.state[:, loss.places] == 1)).all()
    assert result.labelled.any(dim=0).all()
    assert (~result.labelled).any(dim=0).all()


@every_loss
@every_stage
def test_unlabelled_cells_give_exactly_zero_and_no_gradient(name: str, built: Callable[..., Loss]) -> None:
    logits = _logits()
    result = built(name)(_outputs(logits), _targets(), even_weights(SCHEMA))
    assert (result.loss[~result.labelled] == 0).all()
    (gradient,) = torch.autograd.grad(result.loss[~result.labelled].sum(), logits, retain_graph=True)
    assert (gradient == 0).all()
    (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
    assert (gradient[~result.labelled.any(dim=1)] == 0).all()


@every_loss
@every_stage
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_values_and_gradients_are_finite(name: str, built: Callable[..., Loss], size: float) -> None:
    for dtype in (torch.float32, torch.float64):
        logits = (made_logits(SCHEMA, ITEMS, dtype=dtype) * size).requires_grad_()
        result = built(name)(_outputs(logits), _targets(dtype=dtype), even_weights(SCHEMA, dtype))
        assert result.loss.isfinite().all()
        (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
        assert gradient.isfinite().all()


@every_loss
def test_gradient_is_that_of_the_values(name: str) -> None:
    # Five rows with every attribute labelled somewhere; detached parts (a mean without gradient) are the loss's own
    # business, so the check is against the cells' sum as autograd sees it under a small shift of labelled cells.
    rows = torch.arange(5)
    loss, targets, weights = _loss(name), _targets().take(rows), even_weights(SCHEMA)
    logits = made_logits(SCHEMA, 5).requires_grad_()
    if name == "robust_gaussian":  # the likelihood's mean is detached on purpose: tests/parity checks its formula
        columns = loss.mean + 1
        logits = logits.detach()
        moving = logits[:, columns].clone().requires_grad_()
        assert torch.autograd.gradcheck(
            lambda x: loss(_outputs(logits.index_copy(1, columns, x)), targets, weights).loss, (moving,)
        )
        return
    assert torch.autograd.gradcheck(lambda x: loss(_outputs(x), targets, weights).loss, (logits,), fast_mode=True)


@every_loss
@every_stage
def test_rows_do_not_see_each_other(name: str, built: Callable[..., Loss]) -> None:
    order = torch.randperm(ITEMS)
    whole = built(name)(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    outputs = _outputs(_logits())
    moved = Outputs(outputs.logits[order], outputs.features[order], outputs.aux)
    mixed = built(name)(moved, _targets().take(order), even_weights(SCHEMA))
    torch.testing.assert_close(mixed.loss, whole.loss[order], rtol=0, atol=1e-14)
    assert (mixed.labelled == whole.labelled[order]).all()


@every_loss
def test_attributes_do_not_see_each_other(name: str) -> None:
    together = _loss(name)
    whole = together(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    for n, place in enumerate(together.places):
        alone = _loss(name, places=(place,))
        single = alone(_outputs(_logits()), _targets(), even_weights(SCHEMA))
        torch.testing.assert_close(single.loss[:, 0], whole.loss[:, n], rtol=1e-12, atol=1e-14)
        backwards = _loss(name, places=together.places[::-1])
        other = backwards(_outputs(_logits()), _targets(), even_weights(SCHEMA))
        torch.testing.assert_close(other.loss.flip(1), whole.loss, rtol=1e-12, atol=1e-14)


@every_loss
@every_stage
def test_a_representation_per_attribute_is_read_where_the_attribute_has_its_own(
    name: str, built: Callable[..., Loss]
) -> None:
    """There is one for each attribute that has logits; a parent reads that of the attribute whose logits it sums, also
    where it has one too, because whether it applies is a logit of its own."""
    attributes = [replace(one, own_applicability=one.column == "coarse") for one in SCHEMA.attributes]
    schema = replace(SCHEMA, attributes=tuple(attributes))
    present = sorted(set(schema.layout().owner))
    bottom = dict.fromkeys(("department", "coarse"), "fine")
    labels = made_labels(schema, ITEMS, seed=1)
    targets, weights, logits = _targets(labels), even_weights(schema), made_logits(schema, ITEMS)
    aux = _outputs(logits).aux
    each = torch.randn(ITEMS, len(present), 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    together = built(name, schema=schema, labels=labels)
    whole = together(Outputs(logits, each, aux), targets, weights).loss
    for n, place in enumerate(together.places):
        column = schema.attributes[place].column
        own = each[:, present.index(schema.index[bottom.get(column, column)])]
        alone = built(name, schema=schema, labels=labels, places=(place,))
        found = alone(Outputs(logits, own, aux), targets, weights).loss
        torch.testing.assert_close(whole[:, n], found[:, 0], rtol=1e-12, atol=1e-14)


@every_loss
def test_precision_follows_the_logits(name: str) -> None:
    results = {}
    for dtype in (torch.float32, torch.float64):
        results[dtype] = _loss(name)(
            _outputs(_logits(dtype=dtype)), _targets(dtype=dtype), even_weights(SCHEMA, dtype)
        ).loss
        assert results[dtype].dtype is dtype
    torch.testing.assert_close(results[torch.float32].double(), results[torch.float64], rtol=1e-4, atol=1e-5)


@every_loss
@every_stage
@pytest.mark.parametrize("rule", REWEIGHTING)
def test_classes_without_training_cells_stay_finite(name: str, built: Callable[..., Loss], rule: str) -> None:
    for items in (0, 3):  # no class, or most classes, without cells; the batch has them all the same
        few = LABELS.take(np.arange(items))
        weights = class_weights(SCHEMA, count_classes(SCHEMA, few), REWEIGHTING[rule](), progress=0.9, epoch=9)
        loss, logits = built(name, labels=few), _logits(dtype=torch.float32)
        result = loss(_outputs(logits), _targets(dtype=torch.float32), weights)
        assert result.loss.isfinite().all()
        assert all(buffer.isfinite().all() for buffer in loss.buffers())
        (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
        assert gradient.isfinite().all()


@every_loss
def test_weights_multiply_cells(name: str) -> None:
    plain = _loss(name)(_outputs(_logits()), _targets(), even_weights(SCHEMA)).loss
    weights = even_weights(SCHEMA)
    for tensor in (weights.score, weights.positive, weights.negative):
        tensor.mul_(3.0)
    heavy = _loss(name)(_outputs(_logits()), _targets(), weights).loss
    ratio = 3.0 if LOSSES[name].weighted else 1.0  # numbers have no classes, and some losses bring their own weights
    torch.testing.assert_close(heavy, plain * ratio, rtol=1e-12, atol=1e-14)


@every_loss
@every_stage
def test_a_batch_of_one(name: str, built: Callable[..., Loss]) -> None:
    whole = built(name)(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    for row in range(6):
        outputs = _outputs(_logits())
        single = Outputs(outputs.logits[[row]], outputs.features[[row]], outputs.aux)
        found = built(name)(single, _targets().take(torch.tensor([row])), even_weights(SCHEMA))
        torch.testing.assert_close(found.loss, whole.loss[[row]], rtol=1e-12, atol=1e-14)


@every_loss
@every_stage
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_full(name: str, built: Callable[..., Loss], half: torch.dtype) -> None:
    loss, logits = built(name), made_logits(SCHEMA, ITEMS, dtype=torch.float32).to(half).requires_grad_()
    weights, targets = even_weights(SCHEMA, torch.float32), _targets(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(_outputs(logits), targets, weights)
    full = Outputs(logits.detach().float(), _outputs(logits).features, _outputs(logits).aux)
    wanted = loss(full, targets, weights)
    assert found.loss.dtype is torch.float32
    torch.testing.assert_close(found.loss, wanted.loss, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(found.loss.sum(), logits)
    assert gradient.dtype is half
    assert gradient.isfinite().all()


@every_loss
@every_stage
def test_an_attribute_with_one_class_stays_finite(name: str, built: Callable[..., Loss]) -> None:
    kinds = LOSSES[name].kinds - {Kind.NUMERIC, Kind.BINARY, Kind.ORDINAL}
    if not kinds:
        return  # these kinds always have two classes, or none
    lonely = Schema(
        images=("image",), attributes=(Attribute(column="only", id="a00", kind=min(kinds), classes=("one",)),)
    )
    labels = made_labels(lonely, 6, unknown=0.0)
    logits = made_logits(lonely, 6).requires_grad_()
    result = built(name, schema=lonely, labels=labels)(
        _outputs(logits), made_targets(lonely, labels), even_weights(lonely)
    )
    (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
    assert result.loss.isfinite().all()
    assert gradient.isfinite().all()


@every_loss
@every_stage
def test_a_batch_without_an_attribute_is_the_problem_without_it(name: str, built: Callable[..., Loss]) -> None:
    """In the objective: not active, loss 0, no gradient; the other attributes as they were."""
    objective = Objective(
        schema=SCHEMA, losses=LOSSES_BY_KIND | {kind: (name, {}) for kind in LOSSES[name].kinds}
    )  # fmt: skip
    objective.prepare(count_classes(SCHEMA, LABELS), dtype=torch.float64)
    if built is _late:
        objective.begin_epoch(progress=0.95, epoch=95)
    logits = _logits()
    whole, _ = objective(_outputs(logits), _targets(), even_weights(SCHEMA)).mean()
    for place in SCHEMA.of_kind(*LOSSES[name].kinds):
        if SCHEMA.layout().blocks[place].applicability is not None:
            continue  # its unknown cells say nothing about applicability either; tests/parity has that sum
        targets = _targets(forget(SCHEMA, LABELS, np.arange(ITEMS), [place]))
        losses, active = objective(_outputs(logits), targets, even_weights(SCHEMA)).mean()
        others = [n for n in range(len(SCHEMA.attributes)) if n != place]
        assert not active[place]
        assert losses[place] == 0
        torch.testing.assert_close(losses[others], whole[others], rtol=0, atol=0)
        (gradient,) = torch.autograd.grad(losses[place], logits, retain_graph=True)
        assert (gradient == 0).all()


@pytest.mark.parametrize("alias", LOSS_ALIASES)
def test_published_names_are_lines_of_the_table(alias: str) -> None:
    name, options = LOSS_ALIASES[alias]
    assert alias not in LOSSES
    objective = Objective(schema=SCHEMA, losses=LOSSES_BY_KIND | {kind: (alias, {}) for kind in LOSSES[name].kinds})
    [built] = [loss for loss in objective.losses if type(loss) is LOSSES[name]]
    assert all(getattr(built, option, value) == value for option, value in options.items())


def test_a_published_name_means_the_loss_of_the_kind() -> None:
    """Also where the kind is known late: a choice per column has been read without it, as the line of several classes
    and its options."""
    for kind, names in LOSS_ALIASES_BY_KIND.items():
        column = SCHEMA.attributes[SCHEMA.of_kind(kind)[0]].column
        for alias, (line, options) in names.items():
            read = LOSS_ALIASES.get(alias, (alias, {}))
            assert alias not in {name for name, loss in LOSSES.items() if kind in loss.kinds}
            for choice in ((alias, {}), read):
                objective = Objective(schema=SCHEMA, losses=LOSSES_BY_KIND, by_attribute={column: choice})
                [built] = [loss for loss in objective.losses if SCHEMA.index[column] in loss.places]
                assert type(built) is LOSSES[line]
                assert all(getattr(built, option) == value for option, value in options.items())


def test_a_loss_that_needs_counts_does_not_run_without_them() -> None:
    for island in LOSSES.values():
        if "counts" in island.needs:
            with pytest.raises(AssertionError, match="prepare"):
                island(schema=SCHEMA, places=SCHEMA.of_kind(*island.kinds))(
                    _outputs(_logits()), _targets(), even_weights(SCHEMA)
                )
