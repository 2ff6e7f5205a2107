"""From a list of augmentations, or from a user's own function, to what changes pictures."""

import inspect
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from facetwise.errors import UserError
from facetwise.training.augmentation._augmentation import Augmentation, Augmenter

__all__ = ["chained", "from_callable"]


def chained(steps: Sequence[Augmentation]) -> Augmenter:
    """One augmentation after the other, on HWC uint8 pixels."""

    def change(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        picture = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)
        for step in steps:
            picture = step(picture, draw)
        return picture.permute(1, 2, 0).contiguous().numpy()

    return change


def from_callable(function: Callable[..., Any]) -> Augmenter:
    """A user's own function on HWC uint8 arrays.

    It is called as `function(pixels)`; where it takes any keyword but no positional argument, as an Albumentations
    `Compose` does, as `function(image=pixels)["image"]`. Before each call the generators of `random`, numpy and torch,
    and the function's own where it has `set_random_seed`, are seeded for the item, one call at a time, so that what it
    draws depends on the seed, the epoch and the item only; the generators are then put back.
    """
    lock, named = threading.Lock(), _wants_names(function)
    seeded: Any = getattr(function, "set_random_seed", None)

    def change(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        number = int(draw.integers(2**32))
        with lock:
            kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
            try:
                random.seed(number)
                np.random.seed(number)
                torch.default_generator.manual_seed(number)
                if seeded is not None:
                    seeded(number)
                given = np.array(pixels)
                found = function(image=given)["image"] if named else function(given)
            finally:
                random.setstate(kept[0])
                np.random.set_state(kept[1])
                torch.set_rng_state(kept[2])
        if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3:
            told = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
            raise UserError(
                f"`augment` gives an array of uint8 (rows, columns, 3). Found {told}. Fix: leave normalising, and "
                "turning into a tensor, out of it: the backbone does both"
            )
        return found

    return change


def _wants_names(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins have none
        return False
    plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return not plain and any(one.kind is one.VAR_KEYWORD for one in parameters)
