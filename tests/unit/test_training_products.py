"""How exact matrix products are belongs to the training, and to nobody before or after it."""

from pathlib import Path

import pytest
import torch

from facetwise.config import load_config
from facetwise.training._products import matrix_products
from made_training import small_config, stop_after, train_small

EXACT = "highest"


@pytest.mark.parametrize("wanted", ["highest", "high", "medium"])
def test_for_the_training_alone(wanted: str, tmp_path: Path) -> None:
    seen: list[str] = []
    stop = stop_after(1, lambda _: seen.append(torch.get_float32_matmul_precision()))
    assert torch.get_float32_matmul_precision() == EXACT
    train_small(tmp_path, config=small_config(matmul_precision=wanted), stop=stop)
    assert seen == [wanted]
    assert torch.get_float32_matmul_precision() == EXACT


def test_what_was_set_before_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), matrix_products(load_config(None, (), matmul_precision="medium")):
        raise KeyError
    assert torch.get_float32_matmul_precision() == EXACT


def test_a_backbone_that_learns_has_an_option_of_its_own() -> None:
    with matrix_products(load_config(None, (), finetune="all", matmul_precision="medium")):
        assert torch.get_float32_matmul_precision() == EXACT
