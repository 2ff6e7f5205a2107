"""Batches dealt out to ranks: the same items in the same order for 1, 2 and 4, and the same loss from their parts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facetwise.objectives import Reduced
from facetwise.training._dealing import Dealer, pooled
from facetwise.training.together import ALONE, World
from made_facets import made_labels, made_schema, made_targets

SCHEMA = made_schema()


class _Sums(World):
    """A rank whose exchanges give what is put in here."""

    found: torch.Tensor

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        del tensor
        return self.found


@given(sizes=st.lists(st.integers(1, 40), max_size=5), processes=st.sampled_from([1, 2, 4, 7]))
def test_the_order_is_that_of_one_process(sizes: list[int], processes: int) -> None:
    order = np.random.default_rng(0).permutation(sum(sizes))
    batches = np.split(order, np.cumsum(sizes)[:-1]) if sizes else []
    read = [Dealer(world=World(rank, processes), whole=False).reads(batches) for rank in range(processes)]
    for number, batch in enumerate(batches):
        parts = [read[rank][number] for rank in range(processes)]
        if len(batch) < processes:  # each computes all of it, and counts one part
            assert all(part.tolist() == batch.tolist() for part in parts)
        else:
            assert np.concatenate(parts).tolist() == batch.tolist()


@pytest.mark.parametrize("twice", [False, True])
def test_a_batch_that_was_read_whole(*, twice: bool) -> None:
    """Of a mixed batch the second labels go with their items."""
    targets = made_targets(SCHEMA, made_labels(SCHEMA, 18 if twice else 9))
    inputs = torch.arange(9.0)[:, None]
    found = [Dealer(world=World(rank, 2), whole=True).own(inputs, targets) for rank in range(2)]
    assert torch.cat([part for part, _ in found]).flatten().tolist() == list(range(9))
    for (part, labels), start in zip(found, (0, 5), strict=True):
        rows = [*range(start, start + len(part)), *(range(9 + start, 9 + start + len(part)) if twice else ())]
        assert torch.equal(labels.index, targets.index[torch.tensor(rows)])


def test_parts_of_a_loss_add_up_to_it() -> None:
    parts = [
        Reduced(*torch.rand(len(Reduced._fields), 3, generator=torch.Generator().manual_seed(n)).mul(4).ceil())
        for n in range(2)
    ]
    whole = Reduced(*(a + b for a, b in zip(*parts, strict=True)))
    ranks = [_Sums(rank, 2) for rank in range(2)]
    for world in ranks:
        world.found = torch.stack([whole.cells, whole.applicability_cells, whole.divisor, whole.taught])
    found = [pooled(part, world, copied=False).mean() for part, world in zip(parts, ranks, strict=True)]
    torch.testing.assert_close(found[0][0] + found[1][0], whole.mean()[0])
    assert torch.equal(found[0][1], whole.mean()[1])
    copies = [pooled(whole, world, copied=True).mean()[0] for world in ranks]
    torch.testing.assert_close(copies[0] + copies[1], whole.mean()[0])
    assert pooled(whole, ALONE, copied=False) is whole
