"""Multiple gradient descent: the shortest combination of the gradients, which none of them opposes."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from facetwise.objectives.balancing._balancer import Decision, GramianBalancer, normalised, require
from facetwise.objectives.balancing._positive import positive, positive_state
from facetwise.objectives.balancing._shared import Over
from facetwise.objectives.balancing._simplex import shortest

__all__ = ["MultipleGradientDescent"]

# Whether the gradients are divided by the losses, and by their lengths.
SCALES = {"none": (False, False), "l2": (False, True), "loss": (True, False), "loss+": (True, True)}


class MultipleGradientDescent(GramianBalancer):
    """min over the simplex of ‖Σ α_k g_k‖².

    Source: Désidéri (2012, eq. 8), Sener and Koltun (2018, eq. 4). Solved exactly by an active set, where public code
    takes up to 250 Frank-Wolfe steps. `scale` divides the gradients first: by their lengths (`l2`), by the losses
    (`loss`), or both (`loss+`), after which w_k = α_k / divisor_k.

    Args:
        names, seed: As for every balancer.
        scale: What the gradients are divided by.
        over: `cut` or `all` shared parameters.
        normalise: Total of one per task; without it the total of α is 1.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        scale: Literal["none", "l2", "loss", "loss+"] = "none",
        over: Over = "cut",
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed, over=over)
        require(scale in SCALES, "scale", "'none', 'l2', 'loss' or 'loss+'", scale)
        self.by_loss, self.by_length = SCALES[scale]
        self.normalise = normalise
        self.state = positive_state(len(self.names))

    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """The minimum, exactly."""
        divisor = positive(self.state, losses, places) if self.by_loss else np.ones(len(losses))
        if self.by_length:
            divisor = divisor * np.sqrt(gramian.diagonal())
        weights = shortest(gramian / np.outer(divisor, divisor)) / divisor
        return Decision(normalised(weights) if self.normalise else weights)
