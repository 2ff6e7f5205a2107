"""Every parameter of the backbone learns."""

from torch import nn

from facetwise.training.finetuning._strategy import Finetuning

__all__ = ["FullFinetuning"]


class FullFinetuning(Finetuning):
    """All parameters, each depth with its own rate where `layer_decay` is below 1.

    Source: Girshick et al. (2014, section 2.3), fine-tuning; Yosinski et al. (2014).
    """

    def choose(self, describer: nn.Module) -> list[str]:
        return [name for name, _ in describer.named_parameters()]
