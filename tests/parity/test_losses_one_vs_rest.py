"""One sigmoid per value: the loss by plain loops, and the way back to the attribute by counting every case."""

import itertools
from math import exp, log

import numpy as np
import pytest
import torch

from facetwise.decisions import scores_from_logits
from facetwise.objectives import LOSSES, Outputs, count_classes
from facetwise.schema import Attribute, Kind, Schema
from made_facets import even_weights, made_labels, made_logits, made_schema, made_targets

ITEMS = 30
SCHEMA = made_schema()
LABELS = made_labels(SCHEMA, ITEMS, seed=4)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_one_vs_rest_by_hand(gamma: float) -> None:
    logits, weights, layout = made_logits(SCHEMA, ITEMS), even_weights(SCHEMA), SCHEMA.layout()
    weights.score.copy_(torch.linspace(0.5, 2.0, len(weights.score), dtype=torch.float64))
    seen = 0
    for place in SCHEMA.of_kind(Kind.CATEGORICAL):
        loss = LOSSES["one_vs_rest"](schema=SCHEMA, places=(place,), gamma=gamma)
        loss.prepare(count_classes(SCHEMA, LABELS), dtype=torch.float64)
        found = loss(Outputs(logits, logits, {}), made_targets(SCHEMA, LABELS), weights).loss[:, 0].numpy()
        block = layout.blocks[place]
        bottom = next(b for b in layout.blocks if b.start <= block.leaves[0][0] < b.stop)
        own = {leaf for leaves in block.leaves for leaf in leaves}
        for row in range(ITEMS):
            code, expected = int(LABELS.index[row, place]), 0.0
            if code >= 0:
                z = logits[row].numpy()
                odds = [sum(exp(z[leaf]) for leaf in leaves) for leaves in block.leaves]
                rest = [exp(z[leaf]) for leaf in range(bottom.start, bottom.stop) if leaf not in own]
                chance = [o / (1 + o) if c == code else 1 / (1 + o) for c, o in enumerate(odds)]
                chance += [1 / (1 + o) for o in rest]
                weight = float(weights.score[block.score_start + code])
                expected = weight / len(chance) * sum(-((1 - p) ** gamma) * log(p) for p in chance)
                seen += bool(rest)
            np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-12)
    assert seen, "the made schema has leaves beside the classes"


def test_the_way_back_is_the_chance_given_that_one_value_holds() -> None:
    schema = Schema(
        images=("image",), attributes=(Attribute(column="c", id="a00", kind=Kind.CATEGORICAL, classes=tuple("wxyz")),)
    )
    logits = np.random.default_rng(0).normal(0, 2, (6, 4))
    scores, _ = scores_from_logits(schema, {}, logits)
    sigmoid = 1 / (1 + np.exp(-logits))
    for row in range(len(logits)):
        cases = {}
        for case in itertools.product((0, 1), repeat=4):
            cases[case] = np.prod([p if yes else 1 - p for p, yes in zip(sigmoid[row], case, strict=True)])
        one = [cases[tuple(int(n == c) for n in range(4))] for c in range(4)]
        np.testing.assert_allclose(scores[row], np.array(one) / sum(one), rtol=1e-6)
