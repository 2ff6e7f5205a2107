"""An exponential moving average of the parameters: what is validated and kept as best, while training goes on."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from facetwise.training.together import own_part

__all__ = ["Average"]


class Average:
    r"""ā ← d ā + (1 - d) θ after every step, ā = θ before the first; buffers that are no floats are copied.

    Source: Polyak and Juditsky (1992); with a constant d as in Tarvainen and Valpola (2017, eq. 1), without their
    ramp-up. The average of what a batch has no labels for follows the parameters, which do not move.

    Args:
        model: What is averaged.
        decay: d; about as many steps as 1 / (1 - d) count. With 0 nothing is averaged, and nothing is kept.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self._model = model
        self._mean = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()} if decay else {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters after a step."""
        if not self._mean:
            return
        for name, tensor in self._model.state_dict().items():
            mean = own_part(self._mean[name])
            if mean.is_floating_point():
                mean.mul_(self.decay).add_(own_part(tensor), alpha=1.0 - self.decay)
            else:
                mean.copy_(tensor)

    @contextmanager
    def applied(self) -> Generator[None]:
        """The model with the averages in place of its parameters."""
        if not self._mean:
            yield
            return
        own = {name: tensor.detach().clone() for name, tensor in self._model.state_dict().items()}
        self._model.load_state_dict(self._mean)
        try:
            yield
        finally:
            self._model.load_state_dict(own)

    def tensors(self) -> dict[str, np.ndarray] | None:
        """The averages as arrays (this process's rows, where they are sharded); None where nothing is averaged."""
        return {name: own_part(tensor).cpu().numpy().copy() for name, tensor in self._mean.items()} or None

    def state_dict(self) -> dict[str, Tensor]:
        """For the checkpoint."""
        return dict(self._mean)

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        for name, mean in self._mean.items():
            own_part(mean).copy_(own_part(tensors[name]))
