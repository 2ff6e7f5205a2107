"""The learning rate over the steps: linear warm-up, then half a cosine."""

import math

__all__ = ["warmup_cosine"]


def warmup_cosine(step: int, *, steps: int, warmup: int) -> float:
    """Factor of the peak learning rate at a step; never 0 at the first one.

    (t + 1) / w for t < w, then ½ (1 + cos(π (t - w) / (T - w))), T steps in all, w of warm-up.

    Source: Loshchilov and Hutter (2017, eq. 5), without restarts.

    >>> [round(warmup_cosine(t, steps=6, warmup=2), 3) for t in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
