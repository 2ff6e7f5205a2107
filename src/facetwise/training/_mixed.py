"""What happens to a batch between the rows and the model: noise on features, mixtures of items."""

import numpy as np
import torch
from torch import Tensor

from facetwise.config import Config
from facetwise.errors import Complaint, ConfigError
from facetwise.objectives import Targets
from facetwise.training._part import Part
from facetwise.training._pictures import Pictures
from facetwise.training.mixing import MIXING

__all__ = ["Blend"]

# Separates these draws from those of other things with the same numbers.
STREAM = 0xB1E


class Blend:
    """Noise and mixing of training batches; what is drawn depends on the seed, the epoch and the step only.

    Args:
        config: Says which.
        train: The training rows.

    Raises:
        ConfigError: Something that pictures need and features do not have, or the other way round.
    """

    def __init__(self, config: Config, train: Part) -> None:
        self.seed, self.noise = config.seed, config.feature_noise
        self.mixing = MIXING[config.mixing.name](**config.mixing.options)
        cached = not isinstance(train.features, Pictures)
        if cached and self.mixing.pixels_only:
            rule, fix = "mixing of pixels needs pictures", "finetune the backbone, or mixing: mixup"
            raise ConfigError([Complaint(place="config: mixing", rule=rule, found=repr(config.mixing.name), fix=fix)])
        if not cached and self.noise:
            rule, fix = "noise is for cached features", "feature_noise: 0, and augmentation in its place"
            raise ConfigError([Complaint(place="config: feature_noise", rule=rule, found=str(self.noise), fix=fix)])

    @property
    def item_by_item(self) -> bool:
        """Whether part of a batch is changed as it is within the whole batch."""
        return self.mixing.item_by_item and not self.noise

    def __call__(self, inputs: Tensor, targets: Targets, *, epoch: int, step: int) -> tuple[Tensor, Targets]:
        """The batch as it is learned from."""
        draw = np.random.default_rng((STREAM, self.seed, epoch, step))
        if self.noise:
            drawn = draw.standard_normal(inputs.shape, dtype=np.float32)
            inputs = inputs + self.noise * torch.from_numpy(drawn).to(inputs)
        return self.mixing.mix(inputs, targets, draw)
