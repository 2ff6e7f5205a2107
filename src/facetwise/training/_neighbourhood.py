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
) -> tuple[Predictor, tuple[np.ndarray, np.ndarray]]:
    """The predictor with the training rows as the trunk describes them, and the share of their vote by validation.

    Args:
        predictor: The trained model.
        prepared: The table that it was trained on.
        sides: Side → its places among the kept rows.
        seed: Of the choice of rows, where there are too many.

    Returns:
        The predictor, and its scores of the validation rows, for which all that is needed is at hand here.
    """
    bundle, labels = predictor.bundle, prepared.labels
    schema, scales, train, val = bundle.schema, bundle.scales, sides["train"], sides["val"]
    weighing = np.ones(len(val), dtype=bool)
    if (weights := prepared.weights) is not None:  # what weighs nothing says nothing
        train, weighing = train[weights[train] > 0], weights[val] > 0
    keys = predictor.describe(prepared.features[train])
    logits, representation = predictor.read(prepared.features[val])
    neighbours = gather(
        schema, keys, labels.take(train), prepared.images(train), seed=seed,
        say=None if weights is None else weights[train],
    )  # fmt: skip
    alone = scores_from_logits(schema, scales, logits)
    votes = neighbours.votes(schema, scales, representation)
    shares = fit_shares(
        schema, scales, alone[0][weighing].astype(np.float64), votes[weighing], labels.take(val[weighing])
    )
    together = scores_from_logits(schema, scales, logits, votes=votes, shares=shares) if shares else alone
    voting = replace(bundle, neighbours=replace(neighbours, shares=shares))
    return Predictor(voting, model=predictor.model), together
