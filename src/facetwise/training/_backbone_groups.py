"""The parameters of a backbone that learns, in groups by depth."""

from torch import Tensor

from facetwise.config import Config
from facetwise.models import PictureReader, depth_of_parameters
from facetwise.training._optimizer import ParameterGroup

__all__ = ["backbone_groups"]

# Learnt inputs, which no decay pulls to zero: of class and registers, masks and pooling queries, and of positions; as
# timm, transformers and open_clip name them.
_INPUTS = ("token", "class_embedding", "probe", "pos_embed", "position")


def _decayed(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a matrix or filters of a layer: no scale, no shift, no learnt input."""
    own = name.removesuffix(".weight").rsplit(".", 1)[-1]  # a table of positions is the weight of a layer
    return parameter.ndim >= 2 and not any(word in own for word in _INPUTS)


def backbone_groups(reader: PictureReader, config: Config) -> list[ParameterGroup]:
    r"""Rate :math:`\eta_b \, \gamma^{L - l}` of the parameters at depth l of L, γ being `layer_decay`.

    Source: Howard and Ruder (2018, section 3.2), discriminative fine-tuning; with one factor per block as in Bao et al.
    (2022).
    """
    depths, units = depth_of_parameters(reader.describer)
    learned, found = set(reader.learned), dict[tuple[int, bool], list[Tensor]]()
    for name, parameter in reader.describer.named_parameters():
        if name in learned:
            found.setdefault((depths[name], _decayed(name, parameter)), []).append(parameter)
    return [
        ParameterGroup(
            parameters=members, learning_rate=config.backbone_rate * config.layer_decay ** (units - depth),
            weight_decay=config.weight_decay if decayed else 0.0,
        )
        for (depth, decayed), members in found.items()
    ]  # fmt: skip
