"""Every line of LOSSES: masks, gradients, order, precision. A new line is tested without writing a loop."""

import inspect

import numpy as np
import pytest
import torch

from facetwise.objectives import LOSSES, REWEIGHTING, Loss, Outputs, Targets, class_weights, count_classes
from facetwise.schema import Labels, Schema
from made_facets import even_weights, forget, made_labels, made_logits, made_schema, made_targets

ITEMS = 24
SCHEMA = made_schema()
LABELS = made_labels(SCHEMA, ITEMS, seed=1)


def _loss(name: str, schema: Schema = SCHEMA) -> Loss:
    return LOSSES[name](schema=schema, places=schema.of_kind(*LOSSES[name].kinds))


def _outputs(logits: torch.Tensor) -> Outputs:
    generator = torch.Generator().manual_seed(0)
    return Outputs(logits, torch.randn(len(logits), 5, generator=generator, dtype=torch.float64).to(logits.dtype), {})


def _logits(items: int = ITEMS, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return made_logits(SCHEMA, items, dtype=dtype).requires_grad_()


def _targets(labels: Labels = LABELS, dtype: torch.dtype = torch.float64) -> Targets:
    return made_targets(SCHEMA, labels, dtype)


every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
def test_is_described(name: str) -> None:
    island = LOSSES[name]
    assert island.kinds
    assert "Source" in (island.__doc__ or "")
    options = list(inspect.signature(island.__init__).parameters.values())[1:]
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert {"schema", "places"} <= {option.name for option in options}
    assert all(option.default is not inspect.Parameter.empty for option in options[2:])


@every_loss
def test_a_batch_without_labels_costs_nothing(name: str) -> None:
    logits = _logits()
    result = _loss(name)(_outputs(logits), _targets(forget(SCHEMA, LABELS, np.arange(ITEMS))), even_weights(SCHEMA))
    assert not result.labelled.any()
    assert (result.loss == 0).all()
    result.loss.sum().backward()
    assert logits.grad is None or (logits.grad == 0).all()


@every_loss
def test_labelled_is_the_state_value(name: str) -> None:
    loss = _loss(name)
    result = loss(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    assert result.loss.shape == result.labelled.shape == (ITEMS, len(loss.places))
    assert (result.labelled.numpy() == (LABELS.state[:, loss.places] == 1)).all()
    assert result.labelled.any(dim=0).all()
    assert (~result.labelled).any(dim=0).all()


@every_loss
def test_unlabelled_cells_give_exactly_zero_and_no_gradient(name: str) -> None:
    logits = _logits()
    result = _loss(name)(_outputs(logits), _targets(), even_weights(SCHEMA))
    assert (result.loss[~result.labelled] == 0).all()
    (gradient,) = torch.autograd.grad(result.loss[~result.labelled].sum(), logits, retain_graph=True)
    assert (gradient == 0).all()
    (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
    assert (gradient[~result.labelled.any(dim=1)] == 0).all()


@every_loss
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_values_and_gradients_are_finite(name: str, size: float) -> None:
    for dtype in (torch.float32, torch.float64):
        logits = (made_logits(SCHEMA, ITEMS, dtype=dtype) * size).requires_grad_()
        result = _loss(name)(_outputs(logits), _targets(dtype=dtype), even_weights(SCHEMA, dtype))
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
    assert torch.autograd.gradcheck(lambda x: loss(_outputs(x), targets, weights).loss, (logits,))


@every_loss
def test_rows_do_not_see_each_other(name: str) -> None:
    order = torch.randperm(ITEMS)
    whole = _loss(name)(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    outputs = _outputs(_logits())
    moved = Outputs(outputs.logits[order], outputs.features[order], {})
    mixed = _loss(name)(moved, _targets().take(order), even_weights(SCHEMA))
    torch.testing.assert_close(mixed.loss, whole.loss[order], rtol=0, atol=1e-14)
    assert (mixed.labelled == whole.labelled[order]).all()


@every_loss
def test_attributes_do_not_see_each_other(name: str) -> None:
    together = _loss(name)
    whole = together(_outputs(_logits()), _targets(), even_weights(SCHEMA))
    for n, place in enumerate(together.places):
        alone = LOSSES[name](schema=SCHEMA, places=(place,))
        single = alone(_outputs(_logits()), _targets(), even_weights(SCHEMA))
        torch.testing.assert_close(single.loss[:, 0], whole.loss[:, n], rtol=1e-12, atol=1e-14)
        backwards = LOSSES[name](schema=SCHEMA, places=together.places[::-1])
        other = backwards(_outputs(_logits()), _targets(), even_weights(SCHEMA))
        torch.testing.assert_close(other.loss.flip(1), whole.loss, rtol=1e-12, atol=1e-14)


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
@pytest.mark.parametrize("rule", REWEIGHTING)
def test_classes_without_training_cells_stay_finite(name: str, rule: str) -> None:
    few = LABELS.take(np.arange(3))  # most classes have no cell
    weights = class_weights(SCHEMA, count_classes(SCHEMA, few), REWEIGHTING[rule](), progress=0.0)
    logits = _logits(dtype=torch.float32)
    result = _loss(name)(_outputs(logits), _targets(dtype=torch.float32), weights)
    assert result.loss.isfinite().all()
    (gradient,) = torch.autograd.grad(result.loss.sum(), logits)
    assert gradient.isfinite().all()


@every_loss
def test_weights_multiply_cells(name: str) -> None:
    plain = _loss(name)(_outputs(_logits()), _targets(), even_weights(SCHEMA)).loss
    weights = even_weights(SCHEMA)
    for tensor in (weights.score, weights.positive, weights.negative):
        tensor.mul_(3.0)
    heavy = _loss(name)(_outputs(_logits()), _targets(), weights).loss
    ratio = 1.0 if name == "robust_gaussian" else 3.0  # numbers have no classes
    torch.testing.assert_close(heavy, plain * ratio, rtol=1e-12, atol=1e-14)
