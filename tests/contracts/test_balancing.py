"""Every line of BALANCERS: what an absent attribute may not change, exact resumption, odd problems, long runs."""

import numpy as np
import pytest
import torch

from facetwise.errors import ConfigError
from facetwise.objectives import BALANCER_ALIASES, BALANCERS, LooksAgain, Shared
from made_tasks import Tasks, made, train

NAMES = ["colour", "size", "type", "a.b", "x/y"]
every_balancer = pytest.mark.parametrize("name", BALANCERS)
# Begin their real work at once, and not after some epochs.
AT_ONCE = {"stch": {"warmup_epochs": 1}, "excess_mtl": {"warmup_epochs": 1}}


def _made(name: str, names: list[str] = NAMES):
    return made(name, names, **AT_ONCE.get(name, {}))


def _same(first: Tasks, second: Tasks) -> None:
    """Equal shared parameters, and equal heads of the attributes that both have."""
    for mine, theirs in zip(first.trunk.parameters(), second.trunk.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)
    heads = [dict(zip(model.names, model.head.chunk(len(model.names)), strict=True)) for model in (first, second)]
    for name in heads[0].keys() & heads[1].keys():
        torch.testing.assert_close(heads[0][name], heads[1][name], rtol=1e-7, atol=1e-9)


@every_balancer
def test_is_described(name: str) -> None:
    described = BALANCERS[name].__doc__ or ""
    assert "Source:" in described
    assert "names, seed" in described or name == "equal"


@every_balancer
def test_learns(name: str) -> None:
    model = Tasks(NAMES)
    before = torch.stack([model.losses(*model.batch(step))[0] for step in range(8)]).mean()
    weights = train(model, _made(name), range(40), rate=0.1)
    after = torch.stack([model.losses(*model.batch(step))[0] for step in range(8)]).mean()
    assert after < before - 0.05
    assert all(each.shape == (5,) and each.isfinite().all() for each in weights)


@every_balancer
def test_weights_total_one_per_active_attribute(name: str) -> None:
    model = Tasks(NAMES)
    for weights in train(model, _made(name), range(4), absent=["type"]):
        assert weights[2] == 0
        if not name.startswith(("graddrop", "db_mtl")):  # a share that passed, and weights relative to the largest
            assert weights.sum().item() == pytest.approx(4.0)


@every_balancer
@pytest.mark.parametrize("gone", ["colour", "type"])
def test_an_absent_attribute_is_no_task(name: str, gone: str) -> None:
    """The steps are those of the problem without it, whatever state builds up."""
    left = [other for other in NAMES if other != gone]
    whole, without = Tasks(NAMES), Tasks(left)
    told = train(whole, _made(name), range(7), absent=[gone])
    expected = train(without, _made(name, left), range(7))
    _same(whole, without)
    kept = [NAMES.index(other) for other in left]
    torch.testing.assert_close(torch.stack(told)[:, kept], torch.stack(expected), rtol=1e-6, atol=1e-8)
    row = NAMES.index(gone) * 3
    assert torch.equal(whole.head[row : row + 3], Tasks(NAMES).head[row : row + 3]), "its head has not moved"


@every_balancer
def test_the_state_of_an_absent_attribute_stands_still(name: str) -> None:
    model, balancer, place = Tasks(NAMES), _made(name), NAMES.index("size")
    train(model, balancer, range(5))
    before = balancer.state_dict()
    train(model, balancer, [5], absent=["size"])
    after = balancer.state_dict()
    assert before.keys() == after.keys()
    for key, tensor in before.items():
        if not tensor.ndim:
            continue
        mine, theirs = tensor[place], after[key][place]
        if key.endswith(("log_weight", "share")):  # only their ratios to others mean something
            continue
        if key in ("state.sum", "state.steps") and name == "dwa":  # an epoch has ended in between
            continue
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True, msg=key)


@every_balancer
def test_attributes_that_come_and_go(name: str) -> None:
    """The order of the columns does not matter, with other attributes absent in every step."""
    order = [3, 1, 4, 0, 2]
    gone = {step: [NAMES[step % 5], NAMES[(3 * step + 1) % 5]] for step in range(9)}
    first, second = Tasks(NAMES), Tasks([NAMES[place] for place in order])
    told = train(first, _made(name), range(9), absent=gone)
    other = train(second, _made(name, list(second.names)), range(9), absent=gone)
    _same(first, second)
    torch.testing.assert_close(torch.stack(told)[:, order], torch.stack(other), rtol=1e-6, atol=1e-8)


@every_balancer
def test_no_active_attribute_moves_nothing(name: str) -> None:
    model, balancer = Tasks(NAMES), _made(name)
    train(model, balancer, range(2))
    before = balancer.state_dict()
    model.zero_grad()
    losses, active = model.losses(*model.batch(2, absent=NAMES))
    weights = balancer.backward(losses, active, model.shared())
    assert not weights.any()
    assert all(parameter.grad is None for parameter in model.parameters())
    if isinstance(balancer, LooksAgain):
        balancer.look_again(losses.detach(), model.shared())
    for key, tensor in balancer.state_dict().items():
        torch.testing.assert_close(tensor, before[key], rtol=0, atol=0, equal_nan=True)


@every_balancer
def test_resumes_to_the_last_bit(name: str) -> None:
    gone = {step: [NAMES[step % 5]] for step in range(12)}
    whole, broken = Tasks(NAMES), Tasks(NAMES)
    expected = train(whole, _made(name), range(10), absent=gone)
    first = _made(name)
    told = train(broken, first, range(5), absent=gone)
    saved = {key: tensor.clone() for key, tensor in first.state_dict().items()}
    second = _made(name)
    second.load_state_dict(saved)
    told += train(broken, second, range(5, 10), absent=gone)
    assert torch.equal(torch.stack(told), torch.stack(expected))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), broken.parameters(), strict=True))


@every_balancer
def test_one_attribute_is_trained_alone(name: str) -> None:
    """With one task every balancer goes its way, and the declared total makes it a step of that task's size."""
    model, alone = Tasks(["size"]), Tasks(["size"])
    train(model, _made(name, ["size"]), range(3))
    train(alone, _made("equal", ["size"]), range(3))
    if name in ("moco", "db_mtl"):  # the length is that of the gradient, the direction an average over steps
        assert all(parameter.isfinite().all() for parameter in model.parameters())
    else:
        _same(model, alone)


@every_balancer
@pytest.mark.parametrize("odd", ["zero gradient", "duplicate", "opposite", "parallel"])
def test_odd_gradients(name: str, odd: str) -> None:
    """Gradients that vanish, coincide or cancel: finite steps, and every weight finite."""
    torch.manual_seed(0)
    model = Tasks(NAMES)
    balancer, shared = _made(name), model.shared()
    for step in range(4):
        balancer.begin_epoch(step)
        losses, active = model.losses(*model.batch(step))
        rows = list(losses)
        rows[1] = {
            "zero gradient": (losses[1] * 0.0 + 0.7),
            "duplicate": losses[0] * 1.0,
            "opposite": 9.0 - losses[0],
            "parallel": 3.0 * losses[0],
        }[odd]
        model.zero_grad()
        weights = balancer.backward(torch.stack(rows), active, shared)
        if isinstance(balancer, LooksAgain):
            balancer.look_again(torch.stack(rows).detach() * 0.9, shared)
        assert weights.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert max(p.grad.abs().max() for p in model.parameters()) < 1e4


@pytest.mark.slow
@every_balancer
def test_two_hundred_steps_with_most_labels_missing(name: str) -> None:
    """Twenty attributes, 60 % of the cells unknown, some attributes without any label in most batches; float32."""
    names = [f"n{n}" for n in range(20)]
    model = Tasks(names, dtype=torch.float32)
    gone = {s: [n for p, n in enumerate(names) if (7 * s + 3 * p) % 11 < 4] for s in range(200)}
    told = train(model, _made(name, names), range(200), absent=gone, missing=0.6)
    assert torch.stack(told).isfinite().all()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert max(parameter.abs().max() for parameter in model.parameters()) < 100


@every_balancer
def test_states_what_it_needs(name: str) -> None:
    """Gradients of shared parameters need some: refused before training, with the way out."""
    balancer, nothing = _made(name), Shared(cut=[], all=[], own=[])
    complaints = balancer.complaints(nothing)
    assert bool(complaints) == (balancer.needs != "losses")
    for complaint in complaints:
        assert "needs" in complaint.rule
        assert "trunk" in complaint.fix
    assert not balancer.complaints(Tasks(NAMES).shared())


@every_balancer
def test_state_is_plain_tensors(name: str) -> None:
    balancer = _made(name)
    train(Tasks(NAMES), balancer, range(2))
    for tensor in balancer.state_dict().values():
        assert isinstance(tensor, torch.Tensor)
        assert not tensor.requires_grad
        assert tensor.dtype in (torch.float64, torch.int64)


def test_published_spellings_lead_to_the_table() -> None:
    assert not set(BALANCER_ALIASES) & set(BALANCERS)
    for name, options in BALANCER_ALIASES.values():
        assert made(name, NAMES, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fixed", {"weights": {"color": 1.0}}),
        ("fixed", {"weights": {"size": -1.0}}),
        ("random", {"distribution": "cauchy"}),
        ("dwa", {"temperature": 0.0}),
        ("mgda", {"scale": "l3"}),
        ("mgda", {"over": "trunk"}),
        ("gradvac", {"beta": 2}),
        ("graddrop", {"leak": 1.5}),
        ("fairgrad", {"alpha": 0.0}),
        ("cagrad", {"c": -0.1}),
        ("cagrad", {"rescale": 3}),
        ("nash_mtl", {"every": 0}),
    ],
)
def test_options_out_of_range_are_named(name: str, options: dict) -> None:
    with pytest.raises(ConfigError, match=f"balancing.{next(iter(options))}"):
        made(name, NAMES, **options)


def test_fixed_weights_tell_every_mistake_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        made("fixed", NAMES, weights={"color": 1.0, "size": -1.0, "tpye": 2.0})
    assert len(caught.value.complaints) == 3
    assert "colour" in str(caught.value)
    weights = made("fixed", NAMES, weights={"size": 0.5}, normalise=False).weigh(np.ones(2), np.array([0, 1]))
    assert weights.tolist() == [1.0, 0.5]
