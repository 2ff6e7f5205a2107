"""Every balancer decides alike on every rank, and as one process does on the joint batch."""

from pathlib import Path

import numpy as np
import pytest

from facetwise.objectives import BALANCERS
from ranks import together

CASES = [f"{name}/layer" for name in BALANCERS] + ["equal/batch", "upgrad/batch", "famo/batch"]
KNOWN = ["equal/layer/known", "upgrad/layer/known"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_ranks_are_one(tmp_path: Path, processes: int) -> None:
    """50 steps, float64, most cells unlabelled, batches that do not divide, one with fewer items than ranks."""
    cases = CASES + KNOWN if processes == 2 else ["equal/layer", "upgrad/layer", "moco/layer", "equal/batch"]
    [alone] = together(tmp_path / "one", 1, *cases)
    ranks = together(tmp_path / "several", processes, *cases)
    for name, expected in alone.items():
        for rank in ranks[1:]:
            np.testing.assert_array_equal(rank[name], ranks[0][name], err_msg=f"ranks drift apart: {name}")
        np.testing.assert_allclose(ranks[0][name], expected, rtol=1e-10, atol=1e-10, err_msg=name)
