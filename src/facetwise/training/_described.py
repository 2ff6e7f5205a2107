"""What a sharded backbone says of a batch: heads learn from it, and its gradient goes back into the backbone."""

import torch
from jaxtyping import UInt8
from torch import Tensor

from facetwise.models import PictureReader, still_statistics
from facetwise.training.together import World

__all__ = ["Described"]


class Described:
    r"""The batch cut in two at the features x = reader(pixels): ∂L/∂θ = (∂x/∂θ)ᵀ ∂L/∂x.

    A gradient on a sharded parameter cannot be asked for by name, as balancers and micro-batches do elsewhere; it falls
    out of one backward pass through the whole backbone. So losses, balancing and heads see features that are a
    beginning of the graph, and `go_back` takes what has arrived there through the backbone.

    Every forward and backward pass of a sharded backbone is an exchange. Therefore all ranks cut their items into the
    same number of parts; a rank without an item in one of them reads its first item again, and learns nothing from it.

    Source: Gao et al. (2021, section 3.2), GradCache, for the cut; Chen et al. (2016) for computing parts twice.

    Args:
        reader: The backbone.
        pixels: This rank's share of the batch.
        size: Items that go through the backbone at once; 0 is all.
        world: The ranks.
    """

    def __init__(
        self, reader: PictureReader, pixels: UInt8[Tensor, "item rows columns 3"], *, size: int, world: World
    ) -> None:
        self._reader, self._pixels, self._world = reader, pixels, world
        places = torch.arange(len(pixels), device=pixels.device)
        parts = 1 if not size else -(-world.most(len(pixels)) // size)
        self._parts = list(torch.tensor_split(places, parts))
        self._learns = torch.is_grad_enabled() and any(one.requires_grad for one in reader.describer.parameters())
        self._random: list[list[Tensor]] = []
        found: list[Tensor] = []
        with torch.set_grad_enabled(self._learns and parts == 1):
            for part in self._parts:
                self._random.append(self._random_state())
                found.append(self._forward(part))
        self._first = found[0]  # with its graph, where it is the only one
        self.features = torch.cat([one[: len(part)] for one, part in zip(found, self._parts, strict=True)]).detach()
        self.features.requires_grad_(self._learns)

    def go_back(self) -> None:
        """Gradients of the backbone's parameters from that of the features; none where no loss has reached them."""
        slope = self.features.grad
        if slope is None:
            return
        if len(self._parts) == 1:
            self._backward(self._first, slope)
            return
        now = self._random_state()
        for part, before in zip(self._parts, self._random, strict=True):
            self._set_random_state(before)
            with torch.enable_grad(), still_statistics(self._reader):
                again = self._forward(part)
            self._backward(again, slope[part] if len(part) else torch.zeros_like(again))
        self._set_random_state(now)

    def _forward(self, part: Tensor) -> Tensor:
        with self._world.exchanging():
            return self._reader(self._pixels[part] if len(part) else self._pixels[:1])

    def _backward(self, described: Tensor, slope: Tensor) -> None:
        with self._world.exchanging():
            torch.autograd.backward([described], [slope])

    def _random_state(self) -> list[Tensor]:
        """Of the CPU, and of the GPU where the pictures are on one."""
        state = [torch.get_rng_state()]
        return [*state, torch.cuda.get_rng_state(self._pixels.device)] if self._pixels.is_cuda else state

    def _set_random_state(self, state: list[Tensor]) -> None:
        torch.set_rng_state(state[0])
        if self._pixels.is_cuda:
            torch.cuda.set_rng_state(state[1], self._pixels.device)
