"""Accelerated proximal gradient with restart and backtracking: the objective never rises."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Block", "Descent", "descend"]


class Block(NamedTuple):
    """One convex problem: smooth(scores(x)) + penalty(x), scores affine in x.

    Args:
        scores: x to scores.
        smooth: Scores to the smooth part.
        gradient: Scores to the gradient of the smooth part in x.
        penalty: x to the rest.
        shrink: The proximal map of the rest: x and step to x.
    """

    scores: Callable[[np.ndarray], np.ndarray]
    smooth: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    penalty: Callable[[np.ndarray], float]
    shrink: Callable[[np.ndarray, np.ndarray], np.ndarray]


class Descent(NamedTuple):
    """Where it ended: x, its scores, its objective, the steps that held, and how many were made."""

    point: np.ndarray
    scores: np.ndarray
    objective: float
    step: np.ndarray
    steps: int


def descend(block: Block, start: np.ndarray, *, step: np.ndarray, steps: int, tolerance: float) -> Descent:
    r"""x_{t+1} = shrink(v - η ∇(v), η), v = x_t + (t' - 1)/t'' (x_t - x_{t-1}), t'' = (1 + √(1 + 4t'²))/2.

    η may differ between coordinates (a diagonal metric), as long as `shrink` is exact for it. It is halved until the
    quadratic bound holds. Momentum starts again where it points uphill, and where the objective would rise: that point
    is thrown away and a plain step, which cannot rise, is made instead. Scores are affine in x, so those of v come from
    those of x: a step costs one product forward and one back.

    Source: Beck and Teboulle (2009), FISTA; O'Donoghue and Candès (2015), both adaptive restarts.

    Args:
        block: The problem.
        start: x_0.
        step: η, of a shape that broadcasts to x.
        steps: At most so many.
        tolerance: It ends after a plain step that gains less than this share of the objective.
    """
    point, at, scores = start, start, block.scores(start)
    scores_at, momentum = scores, 1.0
    objective = block.smooth(scores) + block.penalty(point)
    made = small = 0
    while made < steps:
        made += 1
        gradient, smooth_at = block.gradient(scores_at), block.smooth(scores_at)
        while True:
            new = block.shrink(at - step * gradient, step)
            move, new_scores = new - at, block.scores(new)
            smooth = block.smooth(new_scores)
            bound = smooth_at + float((gradient * move).sum()) + 0.5 * float((move**2 / step).sum())
            if smooth <= bound + 1e-12 * abs(bound) or not move.any():  # rounding, near the end
                break
            step = step / 2.0
        reached = smooth + block.penalty(new)
        if reached > objective:
            if at is point:
                break  # a plain step cannot rise: only rounding is left
            at, scores_at, momentum = point, scores, 1.0
            continue
        # Small gains in a row, not one: with momentum a single step can happen to gain little.
        small = small + 1 if objective - reached <= tolerance * max(abs(objective), 1e-12) else 0
        uphill = float(((at - new) * (new - point) / step).sum()) > 0
        following = 1.0 if uphill else (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        share = 0.0 if uphill else (momentum - 1.0) / following
        old, old_scores = point, scores
        point, scores, objective, momentum = new, new_scores, reached, following
        if small >= 3:
            break
        at, scores_at = point, scores
        if share > 0:
            at, scores_at = point + share * (point - old), scores + share * (scores - old_scores)
    return Descent(point, scores, objective, step, made)
