"""One model for all attributes: features to packed logits."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from facetwise.errors import Complaint, ConfigError
from facetwise.models._depth import Depth
from facetwise.models._feature_dropout import FeatureDropout
from facetwise.models._initial import initialise
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.schema import Schema

__all__ = ["FacetModel", "ModelOutput", "build_model"]


class ModelOutput(NamedTuple):
    """What one forward pass gives: packed logits, the representation that the heads read, side products by name."""

    logits: Tensor
    features: Tensor
    aux: dict[str, Tensor]


class FacetModel(nn.Module):
    """levels → input → trunk → heads, plus what each level adds to each logit.

    Args:
        trunk: Features to a representation.
        head: Representation to packed logits.
        depth: What the levels add, or None.
        num_logits: Width of what comes out.
        input_dropout: Probability of zeroing a feature, for the trunk and the levels alike.
    """

    def __init__(
        self, *, trunk: nn.Module, head: nn.Module, depth: Depth | None, num_logits: int, input_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = FeatureDropout(probability=input_dropout)
        self.trunk = trunk
        self.head = head
        self.depth = depth
        self.num_logits = num_logits

    def forward(self, features: Float[Tensor, "batch features"]) -> ModelOutput:
        """Standardised features of all levels to packed logits."""
        features = self.dropout(features)
        representation = self.trunk(features)
        logits = self.head(representation)
        if self.depth is not None:
            logits = logits + self.depth(features)
        return ModelOutput(logits, representation, {})


def build_model(
    schema: Schema,
    *,
    levels: Sequence[int],
    trunk: str = "shared",
    trunk_options: dict[str, object] | None = None,
    head: str = "linear",
    head_options: dict[str, object] | None = None,
    depth: bool = True,
    input_dropout: float = 0.2,
    seed: int = 0,
) -> FacetModel:
    """Compose a model from the tables; parameters depend on the seed and on names only.

    Args:
        schema: The vocabulary.
        levels: Width of each level of the features.
        trunk, trunk_options: Line of `TRUNKS` and its options.
        head, head_options: Line of `HEADS` and its options.
        depth: Whether the levels speak to the logits directly; needs more than one level to mean anything.
        input_dropout: Probability of zeroing a feature.
        seed: Seed of the initial parameters.

    Raises:
        ConfigError: The trunk's output is not what the head reads.
    """
    layout = schema.layout()
    body = TRUNKS[trunk](features=sum(levels), **(trunk_options or {}))
    initialise(body, seed, "trunk")
    chosen = HEADS[head]
    if body.output not in chosen.accepts:
        raise ConfigError(
            [
                Complaint(
                    place=f"trunk {trunk!r} with head {head!r}",
                    rule=f"the head reads {' or '.join(repr(shape) for shape in chosen.accepts)}",
                    found=f"a trunk that gives {body.output!r}",
                    fix="choose another trunk or another head",
                )
            ]
        )
    top = chosen(names=layout.names, width=body.width, seed=seed, **(head_options or {}))
    by_level = None
    if depth and len(levels) > 1:
        by_level = Depth(owner=layout.owner, attributes=len(layout.blocks), levels=levels)
    return FacetModel(trunk=body, head=top, depth=by_level, num_logits=layout.num_logits, input_dropout=input_dropout)
