"""The backbone stays as it is."""

from typing import ClassVar

from torch import nn

from facetwise.training.finetuning._strategy import Finetuning

__all__ = ["NoFinetuning"]


class NoFinetuning(Finetuning):
    """Features once, heads many times: the default.

    Source: the linear and multi-layer probes of the FishNet projects; Donahue et al. (2014).
    """

    tunes: ClassVar[bool] = False

    def choose(self, describer: nn.Module) -> list[str]:
        del describer
        return []
