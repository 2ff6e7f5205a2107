"""Balancers against TorchJD 0.18 in float64: weights of the same Gramians, gradients of the same losses.

Where a method draws by chance, both get the same draws. Solved programs are judged by their optimality conditions, and
by reaching an objective no worse than TorchJD's.
"""

import numpy as np
import pytest
import torch

from facetwise.objectives import BALANCERS, Shared
from facetwise.objectives.balancing import _graddrop as graddrop_island
from facetwise.objectives.balancing._cagrad import conflict_averse
from facetwise.objectives.balancing._fixed_point import fair_weights
from facetwise.objectives.balancing._gradvac import vaccine
from facetwise.objectives.balancing._pcgrad import surgery
from facetwise.objectives.balancing._simplex import least_conflict, shortest

aggregation = pytest.importorskip("torchjd.aggregation", reason="the oracle is not installed: pip install torchjd")
scalarization = pytest.importorskip("torchjd.scalarization", reason="the oracle is not installed: pip install torchjd")

TASKS = (1, 2, 3, 5, 8, 20)


def rows(tasks: int, seed: int, *, parameters: int = 60) -> np.ndarray:
    """Gradients of different lengths, some of which conflict."""
    random = np.random.default_rng([tasks, seed])
    common = random.normal(size=parameters) * random.normal()
    return (random.normal(size=(tasks, parameters)) + common) * np.exp(random.normal(size=(tasks, 1)))


def gramians() -> list[np.ndarray]:
    return [g @ g.T for tasks in TASKS for seed in range(6) for g in [rows(tasks, seed)]]


every_gramian = pytest.mark.parametrize("gramian", gramians(), ids=lambda g: str(len(g)))


def weigh(name: str, gramian: np.ndarray, **options: object) -> np.ndarray:
    """The published scale of a line of the table."""
    names = [f"n{n}" for n in range(len(gramian))]
    balancer = BALANCERS[name](names=names, seed=0, normalise=False, **options)
    return balancer.weigh(gramian, np.ones(len(gramian)), np.arange(len(gramian))).shared


def oracle(weighting: object, gramian: np.ndarray) -> np.ndarray:
    return weighting(torch.from_numpy(gramian)).numpy()


def close(ours: np.ndarray, theirs: np.ndarray, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


@every_gramian
def test_imtl_g(gramian: np.ndarray) -> None:
    close(weigh("imtl_g", gramian), oracle(aggregation.IMTLGWeighting(), gramian))


@every_gramian
@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_aligned_mtl(gramian: np.ndarray, scale: str) -> None:
    close(
        weigh("aligned_mtl", gramian, scale=scale), oracle(aggregation.AlignedMTLWeighting(scale_mode=scale), gramian)
    )


@every_gramian
def test_upgrad(gramian: np.ndarray) -> None:
    close(weigh("upgrad", gramian), oracle(aggregation.UPGradWeighting(), gramian))


@every_gramian
def test_pcgrad_with_the_same_orders(gramian: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.random.default_rng(0).random(gramian.shape)
    orders = iter([torch.from_numpy(row.argsort()) for row in keys])
    monkeypatch.setattr(torch, "randperm", lambda _: next(orders))
    theirs = oracle(aggregation.PCGradWeighting(), gramian)
    close(surgery(gramian, keys), theirs)
    chance = BALANCERS["pcgrad"](names=[f"n{n}" for n in range(len(gramian))], seed=0).chance
    close(weigh("pcgrad", gramian), surgery(gramian, chance.pairs(0, np.arange(len(gramian)))))


@pytest.mark.parametrize("beta", [0.01, 0.5])
@pytest.mark.parametrize("tasks", TASKS)
def test_gradvac_with_the_same_orders_over_steps(tasks: int, beta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = aggregation.GradVacWeighting(beta=beta)
    usual = np.zeros((tasks, tasks))
    for step in range(8):
        jacobian = rows(tasks, step)
        gramian = jacobian @ jacobian.T
        keys = np.random.default_rng(step).random(gramian.shape)
        # TorchJD permutes the list of the others; ours sorts them by key.
        others = [[j for j in range(tasks) if j != i] for i in range(tasks)]
        orders = iter([torch.from_numpy(keys[i][others[i]].argsort()) for i in range(tasks)])
        monkeypatch.setattr(torch, "randperm", lambda _, orders=orders: next(orders))
        ours, usual = vaccine(gramian, keys, usual, beta)
        close(ours, oracle(theirs, gramian))


@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_graddrop_with_the_same_draws(leak: float, monkeypatch: pytest.MonkeyPatch) -> None:
    jacobian = torch.from_numpy(rows(5, 0))
    draw = torch.rand(60, dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: draw)
    theirs = aggregation.GradDrop(leak=torch.full((5,), leak, dtype=torch.float64))(jacobian)
    ours = (graddrop_island.passing(jacobian, draw, leak) * jacobian).sum(dim=0)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert "graddrop" in BALANCERS


@every_gramian
def test_mgda_is_optimal(gramian: np.ndarray) -> None:
    weights = shortest(gramian)
    slope = gramian @ weights
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ slope - slope.min() <= 1e-10 * gramian.diagonal().mean()
    theirs = oracle(aggregation.MGDAWeighting(epsilon=1e-6, max_iters=2000), gramian)
    assert weights @ slope <= theirs @ gramian @ theirs * (1 + 1e-12)
    close(weigh("mgda", gramian), weights)


@every_gramian
@pytest.mark.parametrize("c", [0.2, 0.5, 2.0])
def test_cagrad_is_optimal(gramian: np.ndarray, c: float) -> None:
    pytest.importorskip("cvxpy", reason="the oracle's solver is not installed: pip install torchjd[cagrad]")
    unit = gramian / gramian.trace()
    mean, radius = unit.mean(axis=1), c * np.sqrt(unit.mean())
    weights = least_conflict(unit, mean, radius)
    length = np.sqrt(weights @ unit @ weights)
    slope = mean + radius * unit @ weights / length
    assert weights.min() >= 0
    assert weights @ slope - slope.min() <= 1e-8

    def worst(coefficients: np.ndarray) -> float:
        """The least inner product with a task's gradient: what the method maximises within the ball."""
        return float((unit @ coefficients).min())

    ours, theirs = conflict_averse(gramian, c), oracle(aggregation.CAGradWeighting(c=c), gramian)
    if length > 1e-3:  # elsewhere the point is Pareto stationary, and TorchJD stops
        close(ours, theirs, 5e-3)  # as far as their cone solver goes where two gradients are nearly parallel
        assert worst(ours) >= worst(theirs) - 1e-7
    close(weigh("cagrad", gramian, c=c, rescale=0), ours)


@pytest.mark.parametrize(("rescale", "divisor"), [(0, 1.0), (1, 1.25), (2, 1.5)])
def test_cagrad_is_divided_as_in_the_authors_code(rescale: int, divisor: float) -> None:
    gramian = rows(3, 0) @ rows(3, 0).T
    close(weigh("cagrad", gramian, c=0.5, rescale=rescale) * divisor, conflict_averse(gramian, 0.5), 1e-12)
    whole = BALANCERS["cagrad"](names=["a", "b", "c"], seed=0, rescale=rescale)
    assert whole.weigh(gramian, np.ones(3), np.arange(3)).shared.sum() == pytest.approx(3.0)


@every_gramian
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_fairgrad_solves_its_equation(gramian: np.ndarray, alpha: float) -> None:
    pytest.importorskip("scipy", reason="the oracle's solver is not installed: pip install torchjd[fairgrad]")
    gramian = gramian / gramian.trace()

    def residual(weights: np.ndarray) -> float:
        return float(np.abs(gramian @ weights * weights ** (1.0 / alpha) - 1.0).max())

    ours = weigh("fairgrad", gramian, alpha=alpha)
    theirs = oracle(aggregation.FairGradWeighting(alpha=alpha), gramian)
    assert ours.min() > 0
    assert residual(ours) <= 1e-8
    assert residual(ours) <= residual(theirs) + 1e-8


@pytest.mark.filterwarnings("ignore")  # cvxpy's, about its own solver
@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_nash_mtl_solves_its_equation(tasks: int) -> None:
    pytest.importorskip("ecos", reason="the oracle's solver is not installed: pip install torchjd[nash-mtl]")
    for seed in range(4):
        jacobian = rows(tasks, seed)
        gramian = jacobian @ jacobian.T

        def residual(weights: np.ndarray, gramian: np.ndarray = gramian) -> float:
            return float(np.abs(gramian @ weights * weights - 1.0).max())

        ours = weigh("nash_mtl", gramian, max_norm=0.0)
        theirs = aggregation.NashMTL(n_tasks=tasks, max_norm=0.0).weighting(torch.from_numpy(jacobian)).numpy()
        assert residual(ours) <= 1e-9
        assert residual(ours) <= residual(theirs)  # theirs stops after 20 linearised programs, or within 1e-3
        close(ours, theirs, 0.05)
        np.testing.assert_allclose(fair_weights(gramian, 1.0), ours)
        capped = weigh("nash_mtl", gramian, max_norm=1.0)
        assert np.sqrt(capped @ gramian @ capped) <= 1.0 + 1e-12


@pytest.mark.parametrize("warmup", [0, 1])
def test_excess_mtl_over_steps(warmup: int) -> None:
    """One step per epoch, so that epochs and TorchJD's steps of warm-up are the same."""
    tasks, rate = 4, 0.7
    theirs = aggregation.ExcessMTLWeighting(robust_step_size=rate, n_warmup_steps=warmup)
    names = [f"n{n}" for n in range(tasks)]
    ours = BALANCERS["excess_mtl"](names=names, seed=0, learning_rate=rate, warmup_epochs=warmup, over="all")
    for step in range(6):
        jacobian = torch.from_numpy(rows(tasks, step))
        parameter = torch.nn.Parameter(torch.zeros(60, dtype=torch.float64))
        ours.begin_epoch(step)
        told = ours.backward(
            jacobian @ parameter, torch.ones(tasks, dtype=torch.bool), Shared(cut=[], all=[parameter], own=[])
        )
        close(told.numpy() / tasks, theirs(jacobian).numpy())


# Scalarisers: the gradient of their scalar with respect to the losses is our weights.


def scalar_weights(scalarizer: object, losses: np.ndarray) -> np.ndarray:
    values = torch.from_numpy(losses).requires_grad_()
    scalarizer(values).backward()
    return values.grad.numpy()


def positive_losses(tasks: int, step: int) -> np.ndarray:
    return np.exp(np.random.default_rng([tasks, step]).normal(size=tasks))


def build(name: str, tasks: int, **options: object):
    return BALANCERS[name](names=[f"n{n}" for n in range(tasks)], seed=0, **options)


@pytest.mark.parametrize("tasks", TASKS)
def test_gls(tasks: int) -> None:
    losses = positive_losses(tasks, 0)
    ours = build("gls", tasks, normalise=False).weigh(losses, np.arange(tasks))
    close(ours, scalar_weights(scalarization.GeometricMean(), losses))


@pytest.mark.parametrize("tasks", TASKS)
def test_random_with_the_same_draws(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    losses, balancer = positive_losses(tasks, 0), build("random", tasks, normalise=False)
    drawn = torch.from_numpy(balancer.chance.normal(0, np.arange(tasks)))
    monkeypatch.setattr(torch, "randn", lambda *_, **__: drawn)
    close(balancer.weigh(losses, np.arange(tasks)), scalar_weights(scalarization.Random(), losses))


@pytest.mark.parametrize("tasks", TASKS)
def test_stch(tasks: int) -> None:
    """On the logarithms of losses over the means of the warm-up epoch, K times TorchJD's with weights 1."""
    balancer = build("stch", tasks, mu=0.7, warmup_epochs=1, normalise=False)
    warm = np.stack([positive_losses(tasks, step) for step in range(3)])
    for losses in warm:
        close(balancer.weigh(losses, np.arange(tasks)), 1.0 / losses)
    balancer.begin_epoch(1)
    losses = positive_losses(tasks, 9)
    theirs = scalarization.STCH(
        mu=0.7,
        weights=torch.ones(tasks, dtype=torch.float64),
        reference=torch.from_numpy(warm.mean(axis=0)).log(),
    )
    values = torch.from_numpy(losses).requires_grad_()
    (tasks * theirs(values.log())).backward()
    close(balancer.weigh(losses, np.arange(tasks)), values.grad.numpy())


@pytest.mark.parametrize("tasks", TASKS)
def test_dwa_over_epochs(tasks: int) -> None:
    theirs, ours = scalarization.DWA(temperature=2.0), build("dwa", tasks)
    for epoch in range(5):
        ours.begin_epoch(epoch)
        for step in range(3):
            losses = positive_losses(tasks, 10 * epoch + step)
            close(ours.weigh(losses, np.arange(tasks)), scalar_weights(theirs, losses))
        theirs.step()


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l"])
def test_learned_scales_over_steps(name: str) -> None:
    """TorchJD's scalar under PyTorch's Adam."""
    tasks = 5
    theirs = {"uncertainty": scalarization.UW, "imtl_l": scalarization.IMTLL}[name](tasks).double()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.05)
    ours = build(name, tasks, learning_rate=0.05, normalise=False)
    for step in range(30):
        losses = positive_losses(tasks, step)
        optimizer.zero_grad()
        expected = scalar_weights(theirs, losses)
        optimizer.step()
        close(ours.weigh(losses, np.arange(tasks)), expected)


def test_famo_over_steps() -> None:
    tasks = 4
    theirs = scalarization.FAMO(tasks).double()
    ours = build("famo", tasks, normalise=False, every=1)
    nothing = Shared(cut=[], all=[], own=[])
    for step in range(30):
        before, after = positive_losses(tasks, 2 * step), positive_losses(tasks, 2 * step + 1)
        expected = scalar_weights(theirs, before)
        close(ours.weigh(before, np.arange(tasks)), expected)
        theirs.update(torch.from_numpy(after))
        ours.look_again(torch.from_numpy(after), nothing)
