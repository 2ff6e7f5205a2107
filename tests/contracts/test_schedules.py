"""Every schedule warms up, stays within bounds, and goes on after a stop as if there had been none; PyTorch's agree."""

from itertools import pairwise
from typing import Any

import pytest
import torch

from facetwise.training.schedules import SCHEDULES, create_schedule

NAMES = ["none", "cosine", "linear", "step", "multistep", "plateau"]
STEPS, PER_EPOCH = 60, 4


def _made(name: str, **options: Any):
    return create_schedule(name, options, steps=STEPS, per_epoch=PER_EPOCH, warmup=0.1)


def test_the_table() -> None:
    assert list(SCHEDULES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_warm_up_and_bounds(name: str) -> None:
    made = _made(name)
    factors = []
    for step in range(STEPS):
        factors.append(made.factor(step))
        if step % PER_EPOCH == PER_EPOCH - 1:
            made.observe((1, 0.5))  # never better than the first
    assert factors[:6] == pytest.approx([(t + 1) / 6 for t in range(6)])
    assert all(0 <= factor <= 1 for factor in factors)
    assert all(later <= sooner for sooner, later in pairwise(factors[6:]))
    assert (factors[-1] < 0.5) == (name != "none")


@pytest.mark.parametrize("name", NAMES)
def test_a_stop_in_the_middle(name: str) -> None:
    scores = [0.1, 0.2, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1]

    def run(restarts: bool) -> list[float]:
        made, factors = _made(name), []
        for epoch, score in enumerate(scores):
            factors += [made.factor(epoch * PER_EPOCH + step) for step in range(PER_EPOCH)]
            made.observe((1, score))
            if restarts:
                kept = made.state_dict()
                made = _made(name)
                made.load_state_dict(kept)
        return factors

    assert run(restarts=True) == run(restarts=False)


def _torchs(make: Any, *, every_epoch: bool = False, scores: list[float] | None = None) -> list[float]:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for epoch in range(STEPS // PER_EPOCH):
        for _ in range(PER_EPOCH):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if not every_epoch:
                scheduler.step()
        if every_epoch:
            scheduler.step(*([scores[epoch]] if scores else []))
    return found


def _ours(name: str, scores: list[float] | None = None, **options: Any) -> list[float]:
    made = create_schedule(name, options, steps=STEPS, per_epoch=PER_EPOCH, warmup=0.0)
    found = []
    for step in range(STEPS):
        found.append(made.factor(step))
        if scores and step % PER_EPOCH == PER_EPOCH - 1:
            made.observe((1, scores[step // PER_EPOCH]))
    return found


def test_against_pytorch() -> None:
    rates = torch.optim.lr_scheduler
    assert _ours("cosine") == pytest.approx(_torchs(lambda o: rates.CosineAnnealingLR(o, STEPS)))
    assert _ours("cosine", floor=0.1) == pytest.approx(
        _torchs(lambda o: rates.CosineAnnealingLR(o, STEPS, eta_min=0.1))
    )
    assert _ours("linear") == pytest.approx(
        _torchs(lambda o: rates.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=STEPS)), abs=1e-9
    )
    assert _ours("step", every=3, gamma=0.5) == pytest.approx(
        _torchs(lambda o: rates.StepLR(o, 3, gamma=0.5), every_epoch=True)
    )
    assert _ours("multistep", milestones=[4, 9], gamma=0.3) == pytest.approx(
        _torchs(lambda o: rates.MultiStepLR(o, [4, 9], gamma=0.3), every_epoch=True)
    )
    scores = [0.1, 0.3, 0.2, 0.3, 0.2, 0.2, 0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    # PyTorch cuts after more than `patience` epochs, ours after `wait`.
    assert _ours("plateau", scores, wait=3, gamma=0.5) == pytest.approx(
        _torchs(
            lambda o: rates.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=2, threshold=0.0, eps=0.0),
            every_epoch=True, scores=scores,
        )
    )  # fmt: skip
