"""Gradients per attribute: every short cut gives what differentiating each loss by itself gives."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from facetwise.objectives import BALANCERS, Shared
from facetwise.objectives.balancing import GramianBalancer
from facetwise.objectives.balancing._chance import Chance
from facetwise.objectives.balancing._gradients import (
    divide,
    gramian_of,
    jacobian,
    spread_gradients,
    tap_gramian,
)
from facetwise.objectives.balancing._nonnegative import nonnegative
from made_tasks import Tasks, drawn, made

NAMES = ["colour", "size", "type", "pattern"]
PLACES = np.array([0, 2, 3])
ACTIVE = torch.tensor([True, False, True, True])


def one_by_one(losses: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """A backward pass per task, each from nothing."""
    found = []
    for place in PLACES:
        parts = torch.autograd.grad(losses[place], list(parameters), retain_graph=True)
        found.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(found)


def test_gradients_of_tasks_are_independent() -> None:
    """A public system clears nothing between the tasks, so that its k-th gradient is the sum of the first k."""
    model = Tasks(NAMES)
    shared = model.shared()
    losses, _ = model.losses(*model.batch(0))
    expected = one_by_one(losses, shared.all)
    rows = jacobian(losses, PLACES, shared.all, shared)
    torch.testing.assert_close(rows, expected)
    assert not torch.allclose(rows, expected.cumsum(dim=0))
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("packed", [True, False, None])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("rows", [6, 12])
def test_the_gramian_at_the_cut_is_that_of_the_parameters(packed: bool | None, missing: float, rows: int) -> None:
    """With few labels rows are left out; with the head's matrix (None: without it) columns are. The layer reads eight
    numbers: fewer rows than that are compared with one another, more become gradients of the parameters.
    """
    model = Tasks(NAMES)
    shared = model.shared(packed=packed is not False)
    losses, _ = model.losses(*(part[:rows] for part in model.batch(0, missing=missing)))
    if packed is None:
        shared.head = shared.head._replace(matrix=None)
    exact = gramian_of(one_by_one(losses, shared.cut))
    found = tap_gramian(shared.taps, spread_gradients(losses, PLACES, shared.taps, shared.head).at_taps)
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-14)


class Plus(nn.Module):
    """A residual connection: not an operation on every number by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.SiLU()

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.inner(hidden) * hidden.mean(dim=1, keepdim=True)


class Spread(nn.Module):
    """A product in which one number becomes five."""

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden.mean(dim=1, keepdim=True).tanh() * drawn("factor", *hidden.shape)


class Opaque(torch.autograd.Function):
    """An operation that cannot be batched."""

    @staticmethod
    def forward(context, hidden: Tensor) -> Tensor:
        context.save_for_backward(hidden)
        return hidden**3

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        [hidden] = context.saved_tensors
        return gradient * torch.from_numpy(3 * hidden.detach().numpy() ** 2 * (gradient.detach().numpy() * 0 + 1))


class Cube(nn.Module):
    def forward(self, hidden: Tensor) -> Tensor:
        return Opaque.apply(hidden)


@pytest.mark.parametrize(
    "last",
    [[nn.Dropout(0.5)], [nn.ReLU()], [nn.Tanh(), nn.Dropout(0.5), nn.SiLU()], [Plus()], [Plus(), nn.GELU()],
     [Spread()], [Cube()], [nn.Softplus()], [nn.LayerNorm(5).double()]],
)  # fmt: skip
def test_activations_behind_the_cut(last: list[nn.Module]) -> None:
    """Their slope is taken once for all tasks, where they are what they seem to be."""
    model = Tasks(NAMES)
    model.trunk.extend(last)
    shared = model.shared()
    losses, _ = model.losses(*model.batch(0))
    found = tap_gramian(shared.taps, spread_gradients(losses, PLACES, shared.taps, shared.head).at_taps)
    np.testing.assert_allclose(found, gramian_of(one_by_one(losses, shared.cut)), rtol=1e-9)


class Odd(nn.Module):
    """A layer without bias that is used twice, with more rows than inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(5, 5, bias=False).double()
        self.heads = nn.Parameter(drawn("odd", 4, 5))

    def losses(self, features: Tensor) -> Tensor:
        once = self.twice(features).tanh()
        return (self.twice(once).sigmoid() @ self.heads.T).square().mean(dim=0)


def test_a_layer_that_is_used_twice_is_one_layer() -> None:
    model = Odd()
    shared = Shared(cut=list(model.twice.parameters()), all=list(model.twice.parameters()), own=[model.heads])
    shared.watch(model)
    losses = model.losses(drawn("x", 9, 5))
    found = tap_gramian(shared.taps, spread_gradients(losses, PLACES, shared.taps, None).at_taps)
    np.testing.assert_allclose(found, gramian_of(one_by_one(losses, shared.cut)), rtol=1e-10)


def _grads(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", [name for name, kind in BALANCERS.items() if issubclass(kind, GramianBalancer)])
def test_one_backward_pass_gives_the_weighted_gradients(name: str) -> None:
    """Shared parameters: Σ w_k g_k with the weights of the log. The heads: their own losses. With and without taps."""
    found = []
    for watch in (True, False):
        model = Tasks(NAMES)
        shared = model.shared(watch=watch)
        losses, active = model.losses(*model.batch(0, absent=["size"]))
        rows = one_by_one(losses, shared.all)
        [head] = torch.autograd.grad(losses.sum(), [model.head], retain_graph=True)
        weights = made(name, NAMES).backward(losses, active, shared)
        gradient = torch.cat([parameter.grad.flatten() for parameter in shared.all])
        torch.testing.assert_close(gradient, weights[PLACES] @ rows)
        torch.testing.assert_close(model.head.grad, head)
        found.append((weights, gradient))
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["upgrad", "excess_mtl", "mgda"])
def test_over_all_shared_parameters_is_exact(name: str) -> None:
    """The Gramian of all shared parameters, and not that of the cut."""
    model = Tasks(NAMES)
    shared = model.shared()
    losses, active = model.losses(*model.batch(0, absent=["size"]))
    rows = one_by_one(losses, shared.all)
    balancer = made(name, NAMES, over="all")
    weights = balancer.backward(losses, active, shared)
    if isinstance(balancer, GramianBalancer):
        expected = made(name, NAMES).weigh(gramian_of(rows), np.ones(3), PLACES).shared
        np.testing.assert_allclose(weights[PLACES], expected, rtol=1e-9)
    gradient = torch.cat([parameter.grad.flatten() for parameter in shared.all])
    torch.testing.assert_close(gradient, weights[PLACES] @ rows)


class Around(Tasks):
    """A way from the losses to the trunk that goes around the cut."""

    def losses(self, features: Tensor, index: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        losses, active = super().losses(features, index, mask)
        beside = self.trunk[:3](features).square().mean()
        return losses + torch.where(active, beside, 0.0), active


def test_a_way_around_the_cut_is_seen() -> None:
    model = Around(NAMES)
    shared = model.shared()
    losses, active = model.losses(*model.batch(0, absent=["size"]))
    assert not divide(losses, [shared.head.representation], shared)
    shared.forget()
    plain, _ = Tasks.losses(model, *model.batch(0))
    assert divide(plain, [shared.head.representation], shared)
    assert not divide(plain, [shared.taps[0].outputs], shared), "the norm behind the cut is shared too"
    below = Shared(cut=[], all=shared.all[:4], own=[model.head, *shared.all[-2:]])
    assert divide(plain, [shared.taps[0].outputs], below)
    assert not divide(plain, [shared.taps[0].outputs], Shared(cut=[], all=shared.all[:3], own=shared.all[3:4]))
    shared.forget()
    losses, active = model.losses(*model.batch(0, absent=["size"]))
    rows = one_by_one(losses, shared.all)
    weights = made("upgrad", NAMES).backward(losses, active, shared)
    gradient = torch.cat([parameter.grad.flatten() for parameter in shared.all])
    torch.testing.assert_close(gradient, weights[PLACES] @ rows)


class Beside(Tasks):
    """A loss that reads the representation as well as the logits."""

    def losses(self, features: Tensor, index: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        losses, active = super().losses(features, index, mask)
        beside = self._packed.head.representation.square().mean() if self._packed else 0.0
        return losses + torch.where(active, beside * torch.arange(1.0, 5.0), 0.0), active


def test_a_loss_that_reads_the_representation_is_seen() -> None:
    model = Beside(NAMES)
    shared = model.shared()
    losses, _ = model.losses(*model.batch(0))
    found = tap_gramian(shared.taps, spread_gradients(losses, PLACES, shared.taps, shared.head).at_taps)
    np.testing.assert_allclose(found, gramian_of(one_by_one(losses, shared.cut)), rtol=1e-10)


@pytest.mark.parametrize("name", ["upgrad", "graddrop", "equal", "db_mtl", "excess_mtl"])
def test_parts_of_a_batch_are_one_batch(name: str) -> None:
    """The losses of three recomputed parts: one decision, and the gradients of the whole batch."""
    whole, parts = Tasks(NAMES), Tasks(NAMES)
    features, index, mask = whole.batch(0, absent=["size"])
    shared = whole.shared(packed=False)
    losses, active = whole.losses(features, index, mask)
    expected = made(name, NAMES).backward(losses, active, shared)

    shared, total = parts.shared(packed=False), 0.0
    count = mask.sum(dim=0).clamp_min(1)
    for rows in torch.arange(len(features)).split(5):

        def part(features: Tensor, rows: Tensor = rows) -> Tensor:
            cells = mask[rows].sum(dim=0)
            return parts.losses(features, index[rows], mask[rows])[0] * cells / count

        total = total + checkpoint(part, features[rows], use_reentrant=False)
    told = made(name, NAMES).backward(total, active, shared)
    torch.testing.assert_close(told, expected)
    for ours, theirs in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", BALANCERS)
def test_two_processes_decide_as_one(name: str) -> None:
    """Rows split over two; sums over both are exchanged by a stand-in that knows the other's answer in advance."""
    whole = Tasks(NAMES)
    features, index, mask = whole.batch(0, absent=["size"])
    count = mask.sum(dim=0).clamp_min(1)
    options = {"graddrop": {"at": "parameters"}}.get(name, {})
    losses, active = whole.losses(features, index, mask)
    expected = made(name, NAMES, **options).backward(losses, active, whole.shared())
    halves = [slice(0, 7), slice(7, None)]

    def run(half: slice, exchange) -> tuple[Tensor, Tasks]:
        model = Tasks(NAMES)
        shared = model.shared()
        shared.reduce, shared.processes = exchange, 2
        losses, _ = model.losses(features[half], index[half], mask[half])
        return made(name, NAMES, **options).backward(losses * mask[half].sum(dim=0) / count, active, shared), model

    # First each half alone, to hear what it would send; with the sums, later messages may change, so twice over.
    heard: list[list[Tensor]] = [[], []]
    for _ in range(3):
        sent: list[list[Tensor]] = [[], []]
        told = []
        for rank, half in enumerate(halves):

            def exchange(tensor: Tensor, rank: int = rank, sent: list = sent, heard: list = heard) -> Tensor:
                sent[rank].append(tensor.clone())
                other = heard[1 - rank]
                place = len(sent[rank]) - 1
                pair = [tensor, other[place] if place < len(other) else torch.zeros_like(tensor)]
                return pair[rank] + pair[1 - rank] if rank == 0 else pair[1] + pair[0]

            told.append(run(half, exchange))
        heard = sent
    (first, one), (second, two) = told
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, expected, rtol=1e-7, atol=1e-9)
    for ours, theirs, both in zip(one.parameters(), two.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad + theirs.grad, both.grad, rtol=1e-7, atol=1e-9)


def test_nonnegative_programs_are_solved() -> None:
    random = np.random.default_rng(0)
    for size in (1, 3, 10, 30):
        root = random.normal(size=(size, size + 2))
        matrix, linear = root @ root.T, random.normal(size=(7, size))
        x = nonnegative(matrix, linear)
        slope = x @ matrix + linear
        assert x.min() >= 0
        assert slope.min() >= -1e-9
        assert np.abs(x * slope).max() <= 1e-9


def test_chance_is_uniform_and_normal() -> None:
    chance, places = Chance(names=[f"n{n}" for n in range(50)], seed=1), np.arange(50)
    uniform = np.concatenate([chance.uniform(step, places) for step in range(200)])
    assert np.abs(np.quantile(uniform, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.02
    normal = np.stack([chance.normal(step, places) for step in range(200)])
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1.0) < 0.02
    assert np.abs(np.corrcoef(normal.T) - np.eye(50)).max() < 0.4
    assert not np.array_equal(normal[0], Chance(names=chance_names(), seed=2).normal(0, places))


def chance_names() -> list[str]:
    return [f"n{n}" for n in range(50)]
