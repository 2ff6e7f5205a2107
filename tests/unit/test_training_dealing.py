"""Batches dealt out to ranks: the same items in the same order for 1, 2 and 4, and the same loss from their parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facetwise.models import build_model
from facetwise.objectives import REWEIGHTING, Reduced, class_weights, count_classes
from facetwise.training._dealing import Dealer, pooled
from facetwise.training._micro_batches import reduced_in_parts
from facetwise.training.together import ALONE, World
from made_facets import made_labels, made_objective, made_schema, made_targets

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


@pytest.mark.parametrize(
    "loss", [("influence_balanced", {"start": 0}), ("cross_entropy", {"normalisation": "weights"})]
)
def test_parts_of_a_batch_with_side_losses_add_up_to_it(loss: tuple[str, dict[str, object]]) -> None:
    """A category that is predicted on the way, rows that do not count alike, and a loss that divides by its own sum."""
    labels = made_labels(SCHEMA, ITEMS := 20)
    rows = torch.rand(ITEMS, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2
    targets = replace(made_targets(SCHEMA, labels), weight=rows)
    weights = class_weights(SCHEMA, count_classes(SCHEMA, labels), REWEIGHTING["balanced"](), progress=0.0)
    model = build_model(
        SCHEMA, levels=[3, 5], adapters=[("category", {"width": 4, "dropout": 0.0})], trunk="multihead",
        trunk_options={"width": 4, "dropout": 0.0}, input_dropout=0.0,
    ).double()  # fmt: skip
    objective = made_objective(SCHEMA, categorical=loss)
    features = torch.randn(ITEMS, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def gradients(losses: torch.Tensor) -> list[torch.Tensor]:
        model.zero_grad()
        losses.sum().backward()
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]

    whole = reduced_in_parts(model, objective, features, targets, weights, size=ITEMS)
    assert (whole.side_total != 0).any()
    losses, slopes = whole.mean()[0], gradients(whole.mean()[0])
    small = reduced_in_parts(model, objective, features, targets, weights, size=6)
    torch.testing.assert_close(small.mean()[0], losses)
    torch.testing.assert_close(gradients(small.mean()[0]), slopes)
    worlds = [_Sums(rank, 2) for rank in range(2)]
    found, summed = torch.zeros_like(losses), [torch.zeros_like(slope) for slope in slopes]
    for world in worlds:
        world.found = torch.stack([getattr(whole, name).detach() for name in Reduced.COUNTS])
        own = torch.arange(ITEMS)[world.share(ITEMS)]
        part = reduced_in_parts(model, objective, features[own], targets.take(own), weights, size=len(own))
        told = pooled(part, world, copied=False).mean()[0]
        found = found + told.detach()
        summed = [one + other for one, other in zip(summed, gradients(told), strict=True)]
    torch.testing.assert_close(found, losses.detach())
    torch.testing.assert_close(summed, slopes)
