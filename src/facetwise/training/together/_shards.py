"""A network whose parameters lie in rows on several processes, each whole only while it computes."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["clip_gradients", "is_sharded", "own_part", "rows_of_ranks", "shard"]


def shard(network: nn.Module, units: Iterable[nn.Module], *, size: int) -> None:
    """Leave each process its rows of every parameter; a unit's are put together while it computes, and let go again.

    Gradients of the ranks are summed (not averaged: each goes backward from its part of the mean), and each rank is
    left with its rows of the sum. Numbers without a shape have no rows and stay whole everywhere.

    Source: Rajbhandari et al. (2020), ZeRO stage 3; torch.distributed.fsdp.fully_shard (FSDP2).

    Args:
        network: On the device that it computes on, the same values on every rank.
        units: Its parts in the order of their computation; what is in none of them is one more.
        size: Number of ranks.
    """
    # Loads for a second or two; whoever does not shard does not wait.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    whole = {parameter for parameter in network.parameters() if parameter.ndim == 0}
    mesh = init_device_mesh(next(network.parameters()).device.type, (size,))
    for module in (*units, network):
        module.register_forward_hook(_no_view)  # before FSDP's own, which watches what the module gives
        # Also the outermost one: between two forward passes everything is in shards, wherever one looks.
        fully_shard(module, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
        assert isinstance(module, FSDPModule), "fully_shard changes the class"
        # Gloo has no average, and NCCL's would divide what is a sum here.
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)


def _no_view(_: nn.Module, __: Any, given: Any) -> Any:
    """What a unit gives, as tensors of their own: a view that is changed in place would lose the sign for FSDP to put
    the unit's parameters together on the way back."""
    if isinstance(given, Tensor):
        return given.clone() if given.requires_grad and given._is_view() else given
    return type(given)(_no_view(_, __, one) for one in given) if type(given) in (tuple, list) else given


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor lies in rows on several processes.

    >>> is_sharded(torch.zeros(2))
    False
    """
    return hasattr(tensor, "to_local")  # a DTensor, without loading what makes them


@torch.no_grad()
def own_part(tensor: Tensor) -> Tensor:
    """This process's rows of a sharded tensor, as a view; any other tensor as it is.

    >>> own_part(torch.ones(2))
    tensor([1., 1.])
    """
    local: Callable[[], Tensor] | None = getattr(tensor, "to_local", None)
    return tensor if local is None else local()


def rows_of_ranks(rows: int, size: int) -> list[tuple[int, int]]:
    """First row and last + 1 that each rank holds of a sharded tensor: as `torch.chunk` cuts, later ones maybe none.

    >>> rows_of_ranks(7, 2), rows_of_ranks(2, 3)
    ([(0, 4), (4, 7)], [(0, 1), (1, 2), (2, 2)])
    """
    each = -(-rows // size)
    return [(min(rank * each, rows), min((rank + 1) * each, rows)) for rank in range(size)]


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], most: float, *, total: Callable[[Tensor], Tensor]) -> Tensor:
    r"""Scale all gradients by :math:`\min(1, c / (\lVert g \rVert + 10^{-6}))`; the norm, the same on all ranks.

    Of sharded gradients the squares of all ranks count, of the others those of one. The constant is that of
    `torch.nn.utils.clip_grad_norm_`, which does not take both kinds at once.

    Args:
        parameters: With their gradients.
        most: c.
        total: Sum over the ranks.
    """
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    apart = [own_part(gradient) for gradient in found if is_sharded(gradient)]
    alike = [gradient for gradient in found if not is_sharded(gradient)]
    squares = [sum((one.square().sum() for one in kind), torch.zeros(())) for kind in (alike, apart)]
    device = (alike or apart)[0].device if found else torch.device("cpu")
    norm = (squares[0].to(device) + total(squares[1].to(device))).sqrt()
    factor = (most / (norm + 1e-6)).clamp(max=1.0)
    for gradient in (*alike, *apart):
        gradient.mul_(factor.to(gradient.dtype))
    return norm
