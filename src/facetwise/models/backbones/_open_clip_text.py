"""The text tower of an open_clip model."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

__all__ = ["OpenClipText"]

# Texts per pass: a few hundred short ones fit anywhere.
BATCH = 256


class OpenClipText:
    """Words to vectors of unit length.

    Args:
        model: Of open_clip, with `encode_text` and `logit_scale`.
        tokenizer: Texts to numbers, cut to what the model reads.
    """

    def __init__(self, model: Any, *, tokenizer: Callable[[list[str]], torch.Tensor]) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self.scale = float(model.logit_scale.detach().exp())

    def read(self, texts: Sequence[str]) -> Float32[np.ndarray, "text width"]:
        """Vectors of unit length, one per text."""
        parts: list[np.ndarray] = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                numbers = self._tokenizer(list(texts[start : start + BATCH]))
                parts.append(self._model.encode_text(numbers, normalize=True).float().numpy())
        return np.concatenate(parts)
