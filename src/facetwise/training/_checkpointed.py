"""Blocks of a network that are computed a second time on the way back, instead of being remembered."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from facetwise.models import depth_units, still_statistics

__all__ = ["compute_twice"]


def compute_twice(network: nn.Module) -> None:
    """Of every unit of the network only what goes in stays in memory.

    Source: Chen et al. (2016), with PyTorch's checkpoint that needs no reentrant backward pass, so that gradients of
    single losses can be taken too. Running statistics learn in the first of the two passes.
    """
    for _, unit in depth_units(network):
        unit.forward = partial(  # type: ignore[method-assign]
            checkpoint, unit.forward, use_reentrant=False, context_fn=partial(_first_and_again, unit)
        )


def _first_and_again(unit: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), still_statistics(unit)
