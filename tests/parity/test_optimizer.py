"""BlockAdamW against torch's AdamW, which knows no attributes."""

import numpy as np
import pytest
import torch

from facetwise.config import Config
from facetwise.models import build_model
from facetwise.objectives import BALANCERS
from facetwise.schema import NOT_APPLICABLE, VALUE
from facetwise.training import BlockAdamW, ParameterGroup
from facetwise.training._groups import parameter_groups
from facetwise.training._loop import Step, training_step
from made_facets import even_weights, forget, made_labels, made_objective, made_schema, made_targets

OWNER = torch.tensor([0, 0, 1, 2, 2, 2])
RATE, DECAY = 0.01, 0.1


def _parameters(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 4), (6,), (5, 4), (5,)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def _gradient(step: int, parameters: list[torch.Tensor]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    size = 10.0 ** (step % 5 - 3)
    return [(torch.randn(p.shape, generator=generator, dtype=torch.float64) * size).to(p.dtype) for p in parameters]


def _ours(parameters: list[torch.Tensor]) -> BlockAdamW:
    packed, shared = parameters[:2], parameters[2:]
    return BlockAdamW(
        [
            ParameterGroup(parameters=shared, learning_rate=RATE, weight_decay=DECAY),
            ParameterGroup(parameters=packed, learning_rate=RATE, weight_decay=DECAY, owner=OWNER),
        ]
    )


def _theirs(parameters: list[torch.Tensor]) -> torch.optim.AdamW:
    """Only matrices are decayed."""
    groups = [{"params": [p], "weight_decay": DECAY if p.ndim > 1 else 0.0} for p in parameters]
    return torch.optim.AdamW(groups, lr=RATE)


def _set(parameters: list[torch.Tensor], gradients: list[torch.Tensor]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_with_all_attributes_active_it_is_adamw(dtype: torch.dtype, close: float) -> None:
    ours, theirs = _parameters(dtype), _parameters(dtype)
    mine, reference = _ours(ours), _theirs(theirs)
    for step in range(50):
        gradients = _gradient(step, ours)
        _set(ours, [g.clone() for g in gradients])
        _set(theirs, gradients)
        mine.step(torch.ones(3, dtype=torch.bool))
        reference.step()
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=close)


def test_the_schedule_scales_rate_and_decay() -> None:
    ours, theirs = _parameters(torch.float64), _parameters(torch.float64)
    mine, reference = _ours(ours), _theirs(theirs)
    for step in range(20):
        mine.scale = (step + 1) / 20
        for group in reference.param_groups:
            group["lr"] = RATE * mine.scale
        gradients = _gradient(step, ours)
        _set(ours, [g.clone() for g in gradients])
        _set(theirs, gradients)
        mine.step(torch.ones(3, dtype=torch.bool))
        reference.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_an_attribute_without_labels_is_untouched_bit_for_bit() -> None:
    """Even by a gradient that is not zero, and with all its moments."""
    parameters = _parameters(torch.float32)
    optimizer = _ours(parameters)
    for step in range(3):
        _set(parameters, _gradient(step, parameters))
        optimizer.step(torch.ones(3, dtype=torch.bool))
    idle = OWNER == 2
    before = [p.detach().clone() for p in parameters[:2]]
    moments = {name: tensor.clone() for name, tensor in optimizer.state_dict().items() if name.startswith("1.")}
    for step in range(3, 9):
        _set(parameters, _gradient(step, parameters))
        optimizer.step(torch.tensor([True, True, False]))
    for old, new in zip(before, parameters[:2], strict=True):
        assert torch.equal(old[idle], new[idle])
        assert not (old[~idle] == new[~idle]).any()
    for name, tensor in moments.items():
        rows = torch.tensor([False, False, True]) if name.endswith(".t") else idle  # steps are counted per attribute
        assert torch.equal(tensor[rows], optimizer.state_dict()[name][rows])
        assert not torch.equal(tensor[~rows], optimizer.state_dict()[name][~rows])


def test_skipped_steps_never_happened() -> None:
    """After skipped steps an attribute is where an AdamW is that never saw those steps."""
    parameters = _parameters(torch.float64)
    optimizer = _ours(parameters)
    alone = [_parameters(torch.float64)[:2] for _ in range(3)]
    references = [_theirs(own) for own in alone]
    generator = torch.Generator().manual_seed(5)
    for step in range(50):
        active = torch.rand(3, generator=generator) < 0.5
        gradients = _gradient(step, parameters)
        _set(parameters, [g.clone() for g in gradients])
        optimizer.step(active)
        for attribute in range(3):
            if active[attribute]:
                _set(alone[attribute], [g.clone() for g in gradients[:2]])
                references[attribute].step()
    for attribute in range(3):
        rows = attribute == OWNER
        for a, b in zip(parameters[:2], alone[attribute], strict=True):
            torch.testing.assert_close(a[rows], b[rows], rtol=0, atol=1e-12)


def test_nothing_active_moves_no_packed_parameter() -> None:
    parameters = _parameters(torch.float32)
    before = [p.detach().clone() for p in parameters]
    optimizer = _ours(parameters)
    _set(parameters, _gradient(0, parameters))
    optimizer.step(torch.zeros(3, dtype=torch.bool))
    assert all(torch.equal(a, b) for a, b in zip(before[:2], parameters[:2], strict=True))


def test_state_comes_back() -> None:
    first, second = _parameters(torch.float32), _parameters(torch.float32)
    one, other = _ours(first), _ours(second)
    for step in range(5):
        _set(first, _gradient(step, first))
        one.step(torch.tensor([True, False, True]))
    other.load_state_dict({name: tensor.clone() for name, tensor in one.state_dict().items()})
    with torch.no_grad():
        for a, b in zip(first, second, strict=True):
            b.copy_(a)
    for optimizer, parameters in ((one, first), (other, second)):
        _set(parameters, _gradient(9, parameters))
        optimizer.step(torch.tensor([True, True, True]))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_blocks_follow_the_labels_of_a_batch() -> None:
    """A parent's label moves the finest attribute's logits; values and applicability are moved each by their own."""
    schema = made_schema()
    layout = schema.layout()
    fine, own = schema.index["fine"], schema.index["print"]
    labels = made_labels(schema, 30)

    def moved(keep: list[int], state: int) -> set[str]:
        only = forget(schema, labels, np.arange(30), [n for n in range(len(schema.attributes)) if n not in keep])
        only = forget(schema, only, np.flatnonzero(~(only.state == state).any(axis=1)))
        wrong = [np.flatnonzero(only.state[:, place] != state) for place in keep]
        for place, rows in zip(keep, wrong, strict=True):
            only = forget(schema, only, rows, [place])
        model = build_model(schema, levels=[3, 4], trunk_options={"width": 5, "dropout": 0.0}, input_dropout=0.0)
        config = Config(weight_decay=0.5)
        step = Step(
            model=model,
            objective=made_objective(schema),
            balancer=BALANCERS["equal"](names=[a.column for a in schema.attributes], seed=0),
            optimizer=BlockAdamW(parameter_groups(model, schema, config)),
            clip=0.0,
        )
        before = model.head.weight.detach().clone()
        features = torch.randn(30, 7, generator=torch.Generator().manual_seed(0))
        weights = even_weights(schema, torch.float32)
        training_step(step, features, made_targets(schema, only, torch.float32), weights)
        rows = (model.head.weight != before).any(dim=1)
        return {name for name, changed in zip(layout.names, rows.tolist(), strict=True) if changed}

    assert moved([schema.index["department"]], VALUE) == set(layout.blocks[fine].names)
    assert moved([schema.index["colour"]], VALUE) == set(layout.blocks[schema.index["colour"]].names)
    assert moved([own], VALUE) == {"a09/printed", "a09/applies"}
    assert moved([own], NOT_APPLICABLE) == {"a09/applies"}
