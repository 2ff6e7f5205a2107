"""Whether there are labels that a score can be measured by, before anything is trained for it."""

from dataclasses import replace

import numpy as np

from facetwise.metrics._evaluate import evaluate
from facetwise.metrics._floors import majority
from facetwise.metrics._score import score
from facetwise.schema import NOT_APPLICABLE, VALUE, Labels, Schema

__all__ = ["has_labels"]


def has_labels(schema: Schema, truth: Labels, name: str, *, train: Labels) -> bool:
    """Whether a score has a value on some items: whether answers that are all right have one.

    Args:
        schema: The vocabulary.
        truth: Labels of the items.
        name: A score.
        train: Labels of the training items.

    Raises:
        ConfigError: It does not read as a score.
    """
    right, members = majority(schema, train, len(truth)), truth.members.astype(np.float32)
    state = np.where(truth.state == NOT_APPLICABLE, NOT_APPLICABLE, VALUE).astype(np.int8)
    right = replace(
        right, state=state, index=truth.index, members=truth.members, number=truth.number, scores=members,
        chances=members,
    )  # fmt: skip
    return score(evaluate(schema, truth, right, train=train, floors=False), name) is not None
