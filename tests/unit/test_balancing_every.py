"""Balancers that decide in every so many steps only."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from facetwise.objectives.balancing import Decision, NashBargaining
from made_tasks import Tasks, train

NAMES = ["colour", "size", "type"]


class Counted(NashBargaining):
    """Counts the steps for which there was a Gramian."""

    gramians = 0

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        self.gramians += 1
        return super().weigh(gramian, losses, places)


def _weights(balancer: NashBargaining, steps: int, absent: dict[int, Sequence[str]] | None = None) -> torch.Tensor:
    return torch.stack(train(Tasks(NAMES), balancer, range(steps), absent=absent or {}))


def test_a_bargain_holds_for_so_many_steps() -> None:
    balancer = Counted(names=NAMES, seed=0, every=3)
    told = _weights(balancer, 7)
    assert balancer.gramians == 3, "the steps between need none"
    for first in (0, 3):
        assert torch.equal(told[first], told[first + 1])
        assert torch.equal(told[first], told[first + 2])
        assert not torch.allclose(told[first], told[first + 3])
    torch.testing.assert_close(told[0], _weights(Counted(names=NAMES, seed=0), 1)[0])


def test_an_attribute_without_a_bargain_asks_for_one() -> None:
    balancer = Counted(names=NAMES, seed=0, every=5)
    told = _weights(balancer, 4, {0: ["type"], 1: ["type"], 3: ["size"]})
    assert balancer.gramians == 2, "in the first step, and in the third, which has the attribute for the first time"
    assert told[2].min() > 0
    kept = told[2] * torch.tensor([1.0, 0.0, 1.0], dtype=told.dtype)
    torch.testing.assert_close(told[3], kept * 2 / kept.sum(), msg="the others keep their shares")


@pytest.mark.parametrize(("limit", "gramians"), [(0.0, 1), (1e-3, 4)])
def test_a_limit_of_the_length_needs_the_lengths(limit: float, gramians: int) -> None:
    balancer = Counted(names=NAMES, seed=0, every=4, max_norm=limit, normalise=False)
    told = _weights(balancer, 4)
    assert balancer.gramians == gramians
    proportions = told / told.sum(dim=1, keepdim=True)
    torch.testing.assert_close(proportions, proportions[:1].expand_as(proportions))
    assert torch.equal(told[0], told[1]) == (limit == 0.0)
