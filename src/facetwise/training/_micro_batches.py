"""A batch that does not fit into memory at once goes through the model in parts."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.autograd.function import once_differentiable

from facetwise.errors import UserError
from facetwise.events import Event, Report
from facetwise.models import FacetModel, still_statistics
from facetwise.objectives import ClassWeights, Objective, Outputs, Reduced, Targets

__all__ = ["Room", "is_out_of_memory", "reduced_in_parts"]

Result = TypeVar("Result")


def reduced_in_parts(
    model: FacetModel,
    objective: Objective,
    features: Float[Tensor, "item *view features"] | UInt8[Tensor, "item rows columns 3"],
    targets: Targets,
    weights: ClassWeights,
    *,
    size: int,
    bfloat16: bool = False,
    forget: Callable[[], None] = lambda: None,
) -> Reduced:
    """Sums and counts of a batch, `size` items at a time.

    L_a = Σ_m Σ_(i in part m) l_ia / Σ_m n_ma: the parts' sums and counts are added before anything is divided, so the
    losses, and whatever a balancer makes of them, are those of the whole batch, up to the order of the additions. Of a
    part only its sums stay in memory; its activations are computed a second time on the way back.

    Source: Chen et al. (2016), over items where they cut the network over layers. A layer that draws one random mask
    per batch draws one per part. Batch normalisation is the exception: it sees a part, where it would have seen the
    batch (`room_for` says so). Its running statistics learn from every part once.

    Args:
        model, objective, weights: As in a step.
        features, targets: The batch; of a mixed one the targets of the items, then those of their partners.
        size: Items of a part, at least 1.
        bfloat16: The model runs under autocast, its losses do not.
        forget: Called after each part's second pass: lets go of what hooks on the model have kept of it.
    """

    def answers(items: Tensor, told: Targets) -> Outputs:
        with torch.autocast(items.device.type, torch.bfloat16, enabled=bfloat16):
            return _answers(model, objective, items, told)

    if size >= len(features):
        return objective(answers(features, targets), targets, weights)

    def part_of(start: int) -> Callable[[], Reduced]:
        rows = torch.arange(start, min(start + size, len(features)), device=features.device)
        places = torch.cat([rows + first for first in range(0, len(targets), len(features))])

        def part() -> Reduced:
            own = targets.take(places)
            return objective(answers(features[rows], own), own, weights)

        return part

    everything = [*model.parameters(), *objective.parameters()]
    learned = [parameter for parameter in everything if parameter.requires_grad]
    again = partial(still_statistics, model)
    parts = [_ComputedTwice.apply(part_of(start), again, forget, *learned) for start in range(0, len(features), size)]
    return Reduced(*(torch.stack(sums).sum(dim=0) for sums in zip(*parts, strict=True)))


def _answers(model: FacetModel, objective: Objective, features: Tensor, targets: Targets) -> Outputs:
    """What the model says of the items; once more, where a mixed batch has a second label for each.

    A model that reads the category is told its label, -1 where there is none. A mixed item has two, and none is told.
    """
    if len(targets) == len(features):
        if not model.reads_category or objective.category is None:
            return Outputs(*model(features))
        return Outputs(*model(features, targets.index[:, objective.category]))
    outputs = Outputs(*model(features))
    aux = {
        name: value.repeat(2, 1) if value.ndim == 2 and len(value) == len(features) else value
        for name, value in outputs.aux.items()
    }
    twice = torch.cat([outputs.features, outputs.features])
    return Outputs(outputs.logits.repeat(2, 1), twice, aux)


class _ComputedTwice(torch.autograd.Function):
    """The sums of a part; on the way back they are computed again, from the same random numbers, with gradients.

    torch.utils.checkpoint does the same and loads half a compiler first, which is not what memory is left for.
    """

    @staticmethod
    def forward(
        ctx: Any,
        part: Callable[[], Reduced],
        again: Callable[[], AbstractContextManager[None]],
        forget: Callable[[], None],
        *learned: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.part, ctx.again, ctx.forget, ctx.learned = part, again, forget, learned
        ctx.random = _random_state(learned)
        found = Reduced(*(tensor.clone() for tensor in part()))
        ctx.mark_non_differentiable(*(getattr(found, name) for name in Reduced.COUNTS))
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        now = _random_state(ctx.learned)
        _set_random_state(ctx.learned, ctx.random)
        with torch.enable_grad(), ctx.again():
            found = ctx.part()
        _set_random_state(ctx.learned, now)
        ways = [(sums, slope) for sums, slope in zip(found, above, strict=True) if sums.requires_grad]
        sums, slopes = zip(*ways, strict=True) if ways else ((), ())
        found = torch.autograd.grad(sums, ctx.learned, slopes, allow_unused=True)
        ctx.forget()
        return None, None, None, *found


def _random_state(learned: Sequence[Tensor]) -> list[Tensor]:
    """Of the CPU, and of the GPU where the parameters are on one."""
    state = [torch.get_rng_state()]
    return [*state, torch.cuda.get_rng_state(learned[0].device)] if learned[0].is_cuda else state


def _set_random_state(learned: Sequence[Tensor], state: Sequence[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if learned[0].is_cuda:
        torch.cuda.set_rng_state(state[1], learned[0].device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out: Python's, the GPU's, or the text of torch's CPU allocator.

    >>> is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp:127] ... can't allocate memory: you tried ..."))
    True
    >>> is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in words for sign in ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
    )


class Room:
    """How many items go through the model at once; halves when memory runs out, and stays so.

    The batch stays the same. Only a balancer with a memory may have noticed it twice, if memory ran out after it had
    decided.

    Args:
        size: Items; 0 is the whole batch.
        report: Told when it shrinks.
        shrinks: Whether it may. One of several processes cannot take its step once more without the others.
        least: Items that have to go through at once: two, where one would be normalised by nothing.
        changes: What smaller parts change of the result, for the report; nothing as a rule.
    """

    def __init__(self, size: int, report: Report, *, shrinks: bool = True, least: int = 1, changes: str = "") -> None:
        self.size, self.shrinks, self.least, self._changes = size, shrinks, least, changes
        self._report = report

    def run(self, attempt: Callable[[int], Result], items: int) -> Result:
        """Try with as many items at once as there was room for; with half of them as long as memory runs out.

        Raises:
            UserError: There is no room for `least` items.
        """
        while True:
            size = min(self.size or items, items)
            try:
                return attempt(size)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if not self.shrinks:
                    raise UserError(
                        f"training in several processes needs memory for {size} items at once in each. Found none. "
                        f"Fix: --set micro_batch={max(1, size // 2)}, or more processes"
                    ) from error
                if size <= self.least:
                    least = "one item" if self.least == 1 else f"{self.least} items"
                    raise UserError(
                        f"training needs memory for {least} at least. Found none. Fix: close other programs, "
                        "choose a narrower trunk, or levels: last"
                    ) from error
            # Here, outside of the handler, the failed attempt's tensors are no longer held by its traceback.
            self.size = max(self.least, -(-size // 2))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._report(
                Event(
                    "notice",
                    f"out of memory with {size} items at once: continuing with {self.size}, the batch stays {items}"
                    + (f". {self._changes}" if self._changes else ""),
                    data={"code": "micro_batch", "micro_batch": self.size, "batch": items},
                )
            )
