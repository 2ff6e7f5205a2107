"""The depth of each parameter of a network: which of its repeated pieces it lies in."""

from collections.abc import Iterator

from torch import nn

__all__ = ["depth_of_parameters", "depth_units"]

_SEQUENCES = (nn.Sequential, nn.ModuleList)


def depth_units(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The pieces that a network's outermost sequences are made of, from the input upwards: blocks, layers, stages.

    Only registration order is known of a network in general, and every family here registers what it calls first
    before what it calls later.

    >>> made = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
    >>> [name for name, _ in depth_units(made)]
    ['0', '2.0', '2.1']
    """
    return list(_pieces(network, "", inside=isinstance(network, _SEQUENCES)))


def _pieces(module: nn.Module, path: str, *, inside: bool) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        here = f"{path}{name}"
        sequence = isinstance(child, _SEQUENCES)
        if sequence or not inside:
            yield from _pieces(child, f"{here}.", inside=sequence)
        elif next(child.parameters(), None) is not None:
            yield here, child


def depth_of_parameters(network: nn.Module) -> tuple[dict[str, int], int]:
    """Parameter name → its depth, and the number of units.

    0: before the first unit (embeddings, stem). i: in unit i, or between unit i and the next; what follows the last
    unit (a norm, say) belongs to it. A module's own parameters are listed before its children, wherever they are used:
    those that a network names in `late_parameters` follow its last unit all the same.

    >>> made = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    >>> depth_of_parameters(made)
    ({'0.weight': 1, '1.weight': 2}, 2)
    """
    units = [name for name, _ in depth_units(network)]
    late = _late_parameters(network)
    depths: dict[str, int] = {}
    reached = 0
    for name, _ in network.named_parameters():
        if name in late:
            depths[name] = len(units)
            continue
        own = next((place for place, unit in enumerate(units, 1) if name.startswith(f"{unit}.")), None)
        reached = own if own is not None else reached
        depths[name] = reached
    return depths, len(units)


def _late_parameters(network: nn.Module) -> set[str]:
    """What modules inside a network say of their own parameters, under the names that the whole network gives them."""
    return {
        f"{path}.{name}" if path else name
        for path, module in network.named_modules()
        for name in getattr(module, "late_parameters", ())
    }
