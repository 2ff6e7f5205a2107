"""Features to decisions with a bundle: the one path that evaluate, predict and the server share."""

from functools import cached_property

import numpy as np
import torch

from facetwise.decisions import Decisions, decide, scores_from_logits
from facetwise.inference._bundle import Bundle
from facetwise.models import FacetModel, build_model
from facetwise.schema import Labels

__all__ = ["Predictor", "logits_of"]

# Rows per pass: bounds memory, and is large enough that the matrix products are efficient.
ROWS = 1024


def logits_of(model: FacetModel, features: np.ndarray) -> np.ndarray:
    """(item, logit) of standardised features, without gradients, block by block."""
    model.eval()
    device = next(model.parameters()).device
    blocks: list[np.ndarray] = []
    with torch.inference_mode():
        for start in range(0, len(features), ROWS):
            block = torch.from_numpy(np.ascontiguousarray(features[start : start + ROWS])).to(device)
            blocks.append(model(block).logits.float().cpu().numpy())
    return np.concatenate(blocks) if blocks else np.zeros((0, model.num_logits), np.float32)


class Predictor:
    """A bundle ready to answer.

    Args:
        bundle: The trained artefact.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @cached_property
    def model(self) -> FacetModel:
        """The model with the bundle's parameters."""
        given = self.bundle.model
        model = build_model(
            self.bundle.schema,
            levels=self.bundle.standardizer.levels,
            trunk=given["trunk"]["name"],
            trunk_options=given["trunk"]["options"],
            head=given["head"]["name"],
            head_options=given["head"]["options"],
            depth=given["depth"],
        )
        model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in self.bundle.tensors.items()})
        return model.eval()

    def scores(self, features: np.ndarray, *, given: Labels | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (item, width), and what is known already, to scores (item, class) and P(applies)."""
        logits = logits_of(self.model, self.bundle.standardizer(features))
        return scores_from_logits(self.bundle.schema, self.bundle.scales, logits, given=given)

    def __call__(self, features: np.ndarray, *, given: Labels | None = None) -> Decisions:
        """Raw features (item, width), and what is known already, to decisions."""
        scores, applies = self.scores(features, given=given)
        return decide(self.bundle.schema, scores, applies, thresholds=self.bundle.thresholds)
