"""Standardised numbers in the user's unit, as a part of the graph."""

import numpy as np

from facetwise.decisions import NumberScale
from facetwise.inference.exporting._weave import Weave
from facetwise.schema import Transform

__all__ = ["LARGEST", "restored"]

LARGEST = float(np.finfo(np.float32).max)


def restored(weave: Weave, scale: NumberScale, standardised: str) -> str:
    """`NumberScale.restore`, held within float32."""
    moved = weave(
        "Add",
        weave("Mul", standardised, np.float32(scale.deviation)),
        np.float32(scale.mean),
    )
    if scale.transform is Transform.LOG:
        moved = weave("Exp", moved)
    return weave("Clip", moved, np.array(-LARGEST, np.float32), np.array(LARGEST, np.float32))
