"""A backbone whose weights a run has changed: everything of the one that it began as, but the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from facetwise.errors import UnavailableError
from facetwise.models.backbones._backbone import Backbone, Level, Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

__all__ = ["TunedBackbone"]


class TunedBackbone(Backbone):
    """The weights of a fine-tuned run in the network of a backbone.

    Its weights digest, and so the key of its features in the cache, is that of the tuned weights: features of the
    backbone that it began as are never taken for its own.

    Args:
        origin: what it began as; only its network is used, its weights may be missing.
        tensors: parameters and buffers of the describer, by name.
        digest: SHA-256 of the file that holds them.
        licence: of the weights that it began with.
    """

    def __init__(self, *, origin: Backbone, tensors: Mapping[str, np.ndarray], digest: str, licence: str) -> None:
        self._origin = origin
        self._tensors = tensors
        self._digest = digest
        self._licence = licence

    @property
    def name(self) -> str:
        return self._origin.name

    @property
    def licence(self) -> str:
        return self._licence

    @property
    def preprocessing(self) -> Preprocessing:
        return self._origin.preprocessing

    @property
    def levels(self) -> tuple[Level, ...]:
        return self._origin.levels

    @property
    def graph_version(self) -> str:
        return f"{self._origin.graph_version} tuned"

    def weights_digest(self) -> str:
        return self._digest

    def describer(self) -> nn.Module:
        import numpy as np
        import torch

        network = self._origin.describer()
        wanted = network.state_dict()
        if different := sorted(set(wanted) ^ set(self._tensors)):
            raise UnavailableError(
                f"the fine-tuned weights of {self.name} and its network have the same tensors. "
                f"Found only in one of them: {', '.join(different[:5])}. "
                "Fix: install the versions that environment.json of the run names"
            )
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in self._tensors.items()})
        return network.eval()
