"""Log-softmax over segments of columns: all attributes at once, whatever their numbers of classes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["segment_log_softmax", "segment_logsumexp"]


def segment_logsumexp(
    logits: Float[Tensor, "batch column"], segment: Int[Tensor, " column"], segments: int
) -> Float[Tensor, "batch segment"]:
    """log Σ exp over the columns of each segment, shifted by each segment's own maximum.

    The shift is per segment and not per row: with one shift for the whole row, an attribute whose logits lie 90 below
    another attribute's would underflow to log 0.

    >>> z = torch.tensor([[0.0, 0.0, -200.0]])
    >>> segment_logsumexp(z, torch.tensor([0, 0, 1]), 2)
    tensor([[   0.6931, -200.0000]])
    """
    spread = segment.expand(len(logits), -1)
    lowest = torch.full((len(logits), segments), -torch.inf, dtype=logits.dtype, device=logits.device)
    peak = lowest.scatter_reduce(1, spread, logits.detach(), "amax")
    total = torch.zeros_like(peak).index_add(1, segment, (logits - peak.index_select(1, segment)).exp())
    return total.log() + peak


def segment_log_softmax(
    logits: Float[Tensor, "batch column"], segment: Int[Tensor, " column"], segments: int
) -> Float[Tensor, "batch column"]:
    """Log-probabilities within each segment.

    >>> segment_log_softmax(torch.zeros(1, 4), torch.tensor([0, 0, 0, 0]), 1).exp()
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return logits - segment_logsumexp(logits, segment, segments).index_select(1, segment)
