"""A global batch dealt out to processes: the same items in the same order, whatever their number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facetwise.config import Config
from facetwise.errors import Complaint, ConfigError
from facetwise.models import BatchNormBank, FacetModel
from facetwise.objectives import Reduced, Targets
from facetwise.training._part import Part
from facetwise.training.together import World

__all__ = ["Dealer", "banks_of", "check_together", "pooled"]


@dataclass(frozen=True, kw_only=True)
class Dealer:
    """Deals every batch of the global order out to the ranks.

    A batch with fewer items than ranks is not dealt: each rank computes all of it, and counts one of `size` parts.

    Args:
        world: The ranks.
        whole: Whether what is done to a batch needs all its items (a mixture of two that lie on two ranks): each rank
            reads them, and keeps its own.
    """

    world: World
    whole: bool

    def copied(self, items: int) -> bool:
        """Whether a batch of so many items is computed by every rank."""
        return 1 < self.world.size > items

    def reads(self, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What this rank reads of each batch.

        >>> [Dealer(world=World(rank, 2), whole=False).reads([np.arange(5)])[0].tolist() for rank in range(2)]
        [[0, 1, 2], [3, 4]]
        """
        if self.whole or self.world.size == 1:
            return list(batches)
        return [batch if self.copied(len(batch)) else batch[self.world.share(len(batch))] for batch in batches]

    def stream(
        self, train: Part, batches: Sequence[np.ndarray], *, epoch: int
    ) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor]]]:
        """Of each batch the places of all its items; and of those that this rank reads, places and what is read."""
        return zip(batches, train.stream(self.reads(batches), epoch=epoch), strict=True)

    def own(self, inputs: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        """This rank's items of a batch that was read whole; of a mixed one both targets of each."""
        items = len(inputs)
        if not self.whole or self.world.size == 1 or self.copied(items):
            return inputs, targets
        rows = torch.arange(items, device=inputs.device)[self.world.share(items)]
        return inputs[rows], targets.take(torch.cat([rows + first for first in range(0, len(targets), items)]))


def pooled(reduced: Reduced, world: World, *, copied: bool) -> Reduced:
    """This rank's sums with the counts of all ranks: what their means add up to is the mean of the global batch.

    Args:
        reduced: Sums and counts of this rank's items.
        world: The ranks.
        copied: Every rank has computed the same items.
    """
    if world.size == 1:
        return reduced
    if copied:
        sums = [name for name in Reduced._fields if name not in Reduced.COUNTS]
        return reduced._replace(**{name: getattr(reduced, name) / world.size for name in sums})
    counts = world.sum(torch.stack([getattr(reduced, name) for name in Reduced.COUNTS]))
    return reduced._replace(**dict(zip(Reduced.COUNTS, counts, strict=True)))


def check_together(model: FacetModel, config: Config, world: World) -> None:
    """Refuse what would let the ranks drift apart.

    Raises:
        ConfigError: Something that one process decides for itself.
    """
    if world.size == 1:
        return
    banks = banks_of(model)
    found = []
    if config.batch_size < world.size:
        found.append(("batch_size", "every process has an item of a batch", str(config.batch_size), "raise it"))
    if config.micro_batch and banks:
        rule = "batch normalisation over several processes sees the batch at once"
        found.append(("micro_batch", rule, str(config.micro_batch), "0, or a trunk with norm: layer"))
    if model.reader is not None and not model.reader.frozen_statistics:
        rule = "the statistics of a backbone that learns in several processes stay as they are"
        found.append(("batch_norm", rule, repr(config.batch_norm), "batch_norm: frozen"))
    if model.reader is not None and model.reader.dtype is torch.float16:
        rule = "a backbone that learns in several processes needs no scaled gradients"
        found.append(("precision", rule, repr(config.precision), "precision: bfloat16"))
    if found:
        raise ConfigError(
            [Complaint(place=f"config: {name}", rule=rule, found=what, fix=fix) for name, rule, what, fix in found]
        )


def banks_of(model: FacetModel) -> list[BatchNormBank]:
    """The layers that look at the batch as a whole."""
    return [module for module in model.modules() if isinstance(module, BatchNormBank)]
