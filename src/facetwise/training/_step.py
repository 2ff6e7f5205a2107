"""One optimiser step: forward, backward, update."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from facetwise.errors import ConfigError
from facetwise.models import BatchNormBank, FacetModel, PictureReader, running_statistics, still_statistics
from facetwise.objectives import Balancer, ClassWeights, LooksAgain, Objective, Shared, Targets
from facetwise.training._dealing import banks_of, pooled
from facetwise.training._described import Described
from facetwise.training._finite import require_finite
from facetwise.training._micro_batches import Room, reduced_in_parts
from facetwise.training._optimizer import BlockAdamW
from facetwise.training._sharding import refuse_unsharded
from facetwise.training._shared import refresh_shared, shared_of
from facetwise.training.together import ALONE, World, clip_gradients

__all__ = ["Step", "training_step"]

# What `torch.nn.utils.clip_grads_with_norm_` adds to the norm that it divides by.
CLIP_EPS = 1e-6

Vector = Float[Tensor, " attribute"]
Told = Bool[Tensor, " attribute"]
Inputs = Float[Tensor, "item *view features"] | UInt8[Tensor, "item rows columns 3"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step needs beside its batch."""

    model: FacetModel
    objective: Objective
    balancer: Balancer
    optimizer: BlockAdamW
    clip: float
    world: World = ALONE
    # The model's forward pass runs under autocast.
    bfloat16: bool = False
    # What the last step would say of itself: the balancer's weights (attribute).
    said: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def shared(self) -> Shared:
        """Who the model's parameters belong to."""
        return shared_of(self.model, self.objective, watch=self.balancer.needs != "losses", world=self.world)

    @cached_property
    def banks(self) -> list[BatchNormBank]:
        """What has to be told whether it sees the global batch or a share of it."""
        return banks_of(self.model) if self.world.size > 1 else []

    @property
    def sharded(self) -> PictureReader | None:
        """The backbone, where it lies in shards on several processes."""
        reader = self.model.reader
        return reader if reader is not None and reader.sharded else None

    def clipped_norm(self) -> Float[Tensor, ""]:
        """The norm of the gradient, which is no longer than `clip` from now on."""
        if self.sharded is None:
            learned = list(self.model.parameters())
            norm = nn.utils.get_total_norm([each.grad for each in learned if each.grad is not None])
            if norm > self.clip - CLIP_EPS:  # scaling by one takes as long as scaling
                nn.utils.clip_grads_with_norm_(learned, self.clip, norm)
            return norm
        return clip_gradients(self.model.parameters(), self.clip, total=self.world.sum)

    def learning_rate(self) -> float:
        """Of the first group of parameters, now."""
        return self.optimizer.groups[0].learning_rate * self.optimizer.scale

    def check(self) -> None:
        """Raises `ConfigError` where the balancer cannot be used with these parameters."""
        refuse_unsharded(self.model, self.balancer)
        if complaints := self.balancer.complaints(self.shared):
            raise ConfigError(complaints)

    def begin_epoch(self, epoch: int, *, continued: bool) -> None:
        """Training mode; a backbone that was frozen may begin to learn.

        Args:
            epoch: Counted from 0.
            continued: From the middle; the balancer has been told then, and remembers.
        """
        if not continued:
            self.balancer.begin_epoch(epoch)
        if self.model.reader is not None:
            self.model.reader.begin_epoch(epoch)
            refresh_shared(self.shared, self.model)
        self.model.train()


def gradients(
    step: Step,
    features: Inputs,
    targets: Targets,
    weights: ClassWeights,
    micro_batch: int,
    *,
    room: Room | None = None,
    copied: bool,
) -> tuple[Vector, Told, Bool[Tensor, " block"]]:
    """Forward and one backward; losses, which attributes were active, and which blocks of logits were touched.

    Of several processes each goes backward from its part of the losses, and has the sum of the gradients in the end.
    """
    step.shared.forget()  # what an attempt that ran out of memory left behind
    described = None
    if step.sharded is not None:  # the heads' batch is small: they need no parts
        described = Described(step.sharded, features, size=room.size if room else 0, world=step.world)
        features, micro_batch = described.features, len(features)
        step.shared.begin_at(features)
    reduced = reduced_in_parts(
        step.model, step.objective, features, targets, weights, size=micro_batch, bfloat16=step.bfloat16,
        forget=step.shared.forget,
    )  # fmt: skip
    reduced = pooled(reduced, step.world, copied=copied)
    losses, active = reduced.mean()
    whole = step.world.sum(losses.detach())
    require_finite(whole)
    step.optimizer.zero_grad()
    step.said["weights"] = step.balancer.backward(losses, active, step.shared).detach()
    if described is not None:
        described.go_back()
    step.world.add_gradients(step.model.parameters())
    return whole, active, step.objective.touched(reduced)


def training_step(
    step: Step,
    features: Inputs,
    targets: Targets,
    weights: ClassWeights,
    *,
    room: Room | None = None,
    before: Callable[[], None] = lambda: None,
    copied: bool = False,
) -> tuple[Vector, Told]:
    """Forward, one backward, one optimiser step; the attributes' losses and which of them were active.

    Args:
        step: The model and what teaches it.
        features, targets: The batch (of several processes, this one's share of it); of a mixed one, twice as many
            targets as items.
        weights: Of the classes.
        room: How many items go through the model at once; all if not given.
        before: Called before every attempt at the gradients (a second one, where the first ran out of memory).
        copied: Every process has been given the whole batch.

    Raises:
        NotFiniteError: A loss or the gradient is not finite; no parameter has moved.
    """

    running = running_statistics(step.model)
    start = [tensor.clone() for tensor in running]  # a forward pass changes them, even if memory runs out in it

    def attempt(size: int) -> tuple[Vector, Told, Bool[Tensor, " block"]]:
        for tensor, value in zip(running, start, strict=True):
            tensor.copy_(value)
        before()
        return gradients(step, features, targets, weights, size, room=room, copied=copied)

    for bank in step.banks:
        bank.total = None if copied else step.world.total
    losses, active, touched = attempt(len(features)) if room is None else room.run(attempt, len(features))
    if step.model.reader is not None:
        step.model.reader.settle()
    if step.clip:
        require_finite(losses, norm=step.clipped_norm())
    step.optimizer.step(touched)
    rate = step.learning_rate()
    step.model.proximal_step(rate, touched[2 * len(losses) :])
    if isinstance(step.balancer, LooksAgain) and step.balancer.looks_again:
        before()  # the same dropout
        size = (room.size if room else 0) or len(features)
        with torch.no_grad(), still_statistics(step.model):
            if step.sharded is not None:
                at_once = room.size if room else 0
                features = Described(step.sharded, features, size=at_once, world=step.world).features
            again = reduced_in_parts(
                step.model, step.objective, features, targets, weights, size=size, bfloat16=step.bfloat16
            )
        step.balancer.look_again(pooled(again, step.world, copied=copied).mean()[0], step.shared)
    return losses, active
