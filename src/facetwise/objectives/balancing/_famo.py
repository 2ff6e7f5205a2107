"""Fast adaptive multitask optimisation: all losses fall at one rate, learned from how they fell."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import LooksAgain, LossBalancer, normalised, require, values_of
from facetwise.objectives.balancing._learned import learned, learned_step
from facetwise.objectives.balancing._positive import positive, positive_state
from facetwise.objectives.balancing._shared import Shared

__all__ = ["FastAdaptive"]


class FastAdaptive(LossBalancer, LooksAgain):
    """w_k = softmax(ξ)_k / (c L_k), c = Σ softmax(ξ)_j / L_j; then ξ ← ξ - β (δ + γ ξ) by Adam,

    δ = (∂ softmax / ∂ξ)ᵀ (log L_k - log L_k'), L' the losses of the batch after the step, in every `every`-th step.

    L' costs another forward pass, on cached features nearly half of a step. As published (`every` 1, the preset `FAMO`)
    each step pays it; here every second one does, which takes half as many steps of ξ.

    Source: Liu et al. (2023, algorithm 1 and eq. 11). γ is the method's own regulariser, not the model's weight decay
    (the authors' code: 1e-5). The second look uses the dropout of the first, so that it sees the step and not the
    noise. The weights' total is 1 as published, one per task with `normalise`.

    Args:
        names, seed: As for every balancer.
        learning_rate: β.
        decay: γ.
        every: Steps of the model per step of ξ.
        normalise: Total of one per task.
    """

    learns = True

    def __init__(
        self,
        *,
        names: Sequence[str],
        seed: int,
        learning_rate: float = 0.025,
        decay: float = 1e-3,
        every: int = 2,
        normalise: bool = True,
    ) -> None:
        super().__init__(names=names, seed=seed)
        require(learning_rate > 0, "learning_rate", "above 0", learning_rate)
        require(decay >= 0, "decay", "0 or more", decay)
        require(every >= 1, "every", "1 or more", every)
        self.learning_rate, self.decay, self.every, self.normalise = learning_rate, decay, every, normalise
        count = len(self.names)
        self.state = {**learned("logit", 0.0, count), **positive_state(count), "steps": np.zeros((), dtype=np.int64)}
        self._before: tuple[np.ndarray, np.ndarray] | None = None  # places and losses, between the two looks only

    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights from ξ and the losses."""
        self._before = None if self.state["steps"] % self.every else (places, losses)
        self.state["steps"] += 1
        weights = _softmax(self.state["logit"][places]) / positive(self.state, losses, places)
        return normalised(weights) if self.normalise else weights / weights.sum()

    @property
    def looks_again(self) -> bool:
        """Whether ξ learns from the step that is being taken."""
        return self._before is not None

    def look_again(self, losses: Float[Tensor, " attribute"], shared: Shared) -> None:
        """ξ learns which logarithms fell by less than the others."""
        if self._before is None:
            return
        places, earlier = self._before
        later = positive(self.state, values_of(losses, shared)[places], places)
        fallen = np.log(positive(self.state, earlier, places)) - np.log(later)
        share = _softmax(self.state["logit"][places])
        slope = share * (fallen - share @ fallen)
        learned_step(self.state, "logit", slope, places, rate=self.learning_rate, decay=self.decay)
        self._before = None


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()
