"""The training rows as neighbours of whatever is asked later."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from facetwise.decisions import fit_shares, gather, scores_from_logits
from facetwise.inference import Predictor
from facetwise.training._prepare import Prepared

__all__ = ["with_neighbours"]


def with_neighbours(
    predictor: Predictor, prepared: Prepared, sides: Mapping[str, np.ndarray], *, seed: int
) -> Predictor:
    """The predictor with the training rows as the trunk describes them, and the share of their vote by validation.

    Args:
        predictor: The trained model.
        prepared: The table that it was trained on.
        sides: Side → its places among the kept rows.
        seed: Of the choice of rows, where there are too many.
    """
    bundle, labels = predictor.bundle, prepared.labels
    train, val = sides["train"], sides["val"]
    if (weights := prepared.weights) is not None:  # what weighs nothing says nothing
        train, val = train[weights[train] > 0], val[weights[val] > 0]
    _, keys = predictor.read(prepared.features[train])
    logits, representation = predictor.read(prepared.features[val])
    neighbours = gather(
        bundle.schema, keys, labels.take(train), prepared.images(train), seed=seed,
        say=None if weights is None else weights[train],
    )  # fmt: skip
    scores = scores_from_logits(bundle.schema, bundle.scales, logits)[0].astype(np.float64)
    fitted = fit_shares(bundle.schema, bundle.scales, neighbours, scores, representation, labels.take(val))
    return Predictor(replace(bundle, neighbours=fitted), model=predictor.model)
