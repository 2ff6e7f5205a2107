"""Running statistics of batch normalisation: they learn in a forward pass, without an optimiser."""

from collections.abc import Generator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from facetwise.models._norms import BatchNormBank

__all__ = ["batch_norms", "running_statistics", "still_statistics"]


def batch_norms(model: nn.Module) -> list[BatchNormBank | _BatchNorm]:
    """The layers that normalise by the batch: ours, and PyTorch's in a backbone."""
    return [module for module in model.modules() if isinstance(module, BatchNormBank | _BatchNorm)]


def running_statistics(model: nn.Module) -> list[Tensor]:
    """The tensors that a forward pass changes: those of layers in training mode."""
    return [tensor for norm in batch_norms(model) if norm.training for tensor in norm.buffers(recurse=False)]


@contextmanager
def still_statistics(model: nn.Module) -> Generator[None]:
    """Inside, no running statistics learn: for a second pass over items that have taught them in a first one.

    Batches are normalised by their own statistics all the same.

    >>> import torch
    >>> norm = nn.BatchNorm1d(2)
    >>> with still_statistics(norm):
    ...     made = norm(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    >>> norm.running_mean
    tensor([0., 0.])
    """
    before = [(norm, norm.momentum) for norm in batch_norms(model)]
    for norm, _ in before:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in before:
            norm.momentum = momentum
