"""Initial parameters from names, not from positions.

Each row of a packed parameter is drawn from a generator seeded with hash(seed, name of the row), so that permuting
columns, classes or rows of the table permutes parameters and changes nothing else.
"""

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["draw", "draw_rows", "initialise"]


def _generator(seed: int, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def draw(seed: int, name: str, shape: Sequence[int], deviation: float) -> Tensor:
    """Normal numbers that depend on the seed and the name only, drawn in float64 so that both precisions agree."""
    return torch.randn(*shape, generator=_generator(seed, name), dtype=torch.float64).mul_(deviation).float()


def draw_rows(seed: int, names: Sequence[str], width: int, deviation: float) -> Float[Tensor, "row width"]:
    """One row per name.

    >>> a, b = draw_rows(0, ["x", "y"], 4, 1.0), draw_rows(0, ["y", "x"], 4, 1.0)
    >>> bool((a == b.flip(0)).all())
    True
    """
    if not names:
        return torch.zeros(0, width)
    return torch.stack([draw(seed, name, (width,), deviation) for name in names])


def initialise(module: nn.Module, seed: int, name: str) -> None:
    """He-normal weights [He et al. 2015, eq. 10] and zero biases for every linear layer inside a module, by name."""
    for path, layer in module.named_modules():
        if isinstance(layer, nn.Linear):
            deviation = (2.0 / layer.in_features) ** 0.5
            with torch.no_grad():
                layer.weight.copy_(draw(seed, f"{name}/{path}", layer.weight.shape, deviation))
                if layer.bias is not None:
                    layer.bias.zero_()
