"""The first twenty steps of training give the numbers that are written down."""

import json

import numpy as np
import pytest
import torch
from trace_of_training import STEPS, TRACE, trace

WRITTEN = json.loads(TRACE.read_text(encoding="utf-8"))


@pytest.fixture
def found() -> dict:
    before = torch.get_num_threads()
    torch.set_num_threads(WRITTEN["header"]["threads"])
    try:
        return trace()
    finally:
        torch.set_num_threads(before)


def test_losses(found: dict) -> None:
    assert found["attributes"] == WRITTEN["attributes"]
    assert len(WRITTEN["losses"]) == STEPS
    np.testing.assert_allclose(found["losses"], WRITTEN["losses"], rtol=1e-5, atol=1e-7, err_msg=str(WRITTEN["header"]))


def test_model_and_layout(found: dict) -> None:
    assert found["parameters"] == WRITTEN["parameters"]
    assert found["layout"] == WRITTEN["layout"]


def test_twice_is_bit_equal(found: dict) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(WRITTEN["header"]["threads"])
    try:
        assert trace()["losses"] == found["losses"]
    finally:
        torch.set_num_threads(before)


def test_it_learns() -> None:
    rows = np.array(WRITTEN["losses"])
    assert rows[-5:].mean() < 0.9 * rows[:5].mean()
