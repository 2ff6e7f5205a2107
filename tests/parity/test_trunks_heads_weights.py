"""The small components against independent ways of writing the same thing."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from facetwise.models.heads import LinearHead
from facetwise.models.trunks import SharedTrunk
from facetwise.objectives.reweighting import SqrtReweighting


def test_shared_trunk_is_linear_norm_gelu_per_layer() -> None:
    trunk = SharedTrunk(features=6, width=4, layers=2, dropout=0.5).eval()
    features = torch.randn(5, 6)
    expected = features
    for linear, norm in ((trunk.blocks[0], trunk.blocks[1]), (trunk.blocks[4], trunk.blocks[5])):
        expected = expected @ linear.weight.T + linear.bias
        centred = expected - expected.mean(dim=1, keepdim=True)
        scaled = centred / (expected.var(dim=1, unbiased=False, keepdim=True) + norm.eps).sqrt()
        expected = functional.gelu(scaled * norm.weight + norm.bias)
    torch.testing.assert_close(trunk(features), expected)


def test_linear_head_is_a_loop_over_linear_layers() -> None:
    head = LinearHead(
        names=["a00/red", "a00/blue", "a01/yes", "a02/mean", "a02/log_deviation"],
        owner=[0, 0, 1, 2, 2],
        width=4,
        seed=3,
    )
    representation = torch.randn(7, 4)
    looped = []
    for start, stop in ((0, 2), (2, 3), (3, 5)):
        layer = torch.nn.Linear(4, stop - start)
        with torch.no_grad():
            layer.weight.copy_(head.weight[start:stop])
            layer.bias.copy_(head.bias[start:stop])
        looped.append(layer(representation))
    torch.testing.assert_close(head(representation), torch.cat(looped, dim=1))


@pytest.mark.parametrize("counts", [[90, 10], [1, 1, 1], [500, 20, 3, 0]])
def test_sqrt_reweighting_is_the_inverse_root_with_mean_one_over_cells(counts: list[int]) -> None:
    weights = SqrtReweighting().weights(np.array(counts), progress=0.3)
    raw = [count**-0.5 if count else 0.0 for count in counts]
    mean = sum(n * w for n, w in zip(counts, raw, strict=True)) / sum(counts)
    np.testing.assert_allclose(weights, [w / mean for w in raw])
