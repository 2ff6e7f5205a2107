"""Losses that may be taken the logarithm of."""

import numpy as np

__all__ = ["positive", "positive_state"]

# Room below the lowest loss seen, in nats: with less, a loss near its own minimum would outweigh all others.
ROOM = 1.0
# What a loss of 0 counts as, the same as DB-MTL and FAMO add: below it logarithms outgrow everything else.
LEAST = 1e-8


def positive_state(count: int) -> dict[str, np.ndarray]:
    """The lowest loss that each attribute has had, where it was below zero."""
    return {"lowest": np.zeros(count)}


def positive(state: dict[str, np.ndarray], losses: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The losses as they are where they are above zero, as cross-entropies are.

    A log density can be below zero, and methods with logarithms and ratios of losses are undefined there. Such a loss
    is counted from one nat below the lowest value that the attribute has had; its gradient stays what it is.

    >>> state = positive_state(2)
    >>> positive(state, np.array([0.5, -2.0]), np.array([0, 1]))
    array([0.5, 1. ])
    """
    lowest = np.minimum(state["lowest"][places], losses)
    state["lowest"][places] = lowest
    return np.maximum(np.where(lowest < 0.0, losses - lowest + ROOM, losses), LEAST)
