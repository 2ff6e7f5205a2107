"""Numbers of a balancer's own, one per attribute, that are learned by Adam."""

import numpy as np

__all__ = ["learned", "learned_step"]

# The defaults of Kingma and Ba (2015, algorithm 1).
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def learned(name: str, start: float, count: int) -> dict[str, np.ndarray]:
    """State of `count` numbers that begin at `start`: value, both moments, and the steps taken by each.

    >>> sorted(learned("s", 0.0, 2))
    ['s', 's.first', 's.second', 's.steps']
    """
    zeros = np.zeros(count)
    return {name: np.full(count, start), f"{name}.first": zeros.copy(), f"{name}.second": zeros.copy(),
            f"{name}.steps": zeros.copy()}  # fmt: skip


def learned_step(
    state: dict[str, np.ndarray],
    name: str,
    gradient: np.ndarray,
    places: np.ndarray,
    *,
    rate: float,
    decay: float = 0.0,
) -> None:
    """One step of Adam for the given places; the others keep value, moments and count.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  x ← x - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε),

    g with `decay` · x added.

    Source: Kingma and Ba (2015, algorithm 1), t counted per number.
    """
    gradient = gradient + decay * state[name][places]
    first = BETA1 * state[f"{name}.first"][places] + (1.0 - BETA1) * gradient
    second = BETA2 * state[f"{name}.second"][places] + (1.0 - BETA2) * gradient**2
    steps = state[f"{name}.steps"][places] + 1.0
    state[f"{name}.first"][places], state[f"{name}.second"][places] = first, second
    state[f"{name}.steps"][places] = steps
    scale = np.sqrt(second / (1.0 - BETA2**steps)) + EPS
    state[name][places] -= rate * (first / (1.0 - BETA1**steps)) / scale
