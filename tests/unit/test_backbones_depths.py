"""What a descriptor is made of, and options that a network cannot follow."""

import pytest
import torch

from facetwise.errors import UserError
from facetwise.models.backbones import create_backbone
from facetwise.models.backbones._depths import map_row, token_row
from facetwise.models.backbones._describer import deviation


def test_the_deviation_is_the_plain_formula_bit_by_bit() -> None:
    values = torch.randn(3, 4, 50)
    values[1, 2] = 0
    assert torch.equal(deviation(values), values.square().mean(2).sqrt())


def test_a_blank_channel_has_a_gradient() -> None:
    """The slope of a square root at zero is infinite; a dead channel would make every parameter not a number."""
    values = torch.randn(2, 3, 50)
    values[0, 1] = 0
    values.requires_grad_()
    map_row(values).sum().backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()
    torch.testing.assert_close(values.grad[0, 1], torch.full((50,), 1 / 50))  # of the mean alone


def test_statistics_are_in_float32_whatever_the_network_computes_in() -> None:
    patches = torch.full((1, 4096, 2), 1.001, dtype=torch.bfloat16)
    row = token_row(patches[:, 0], patches, "cls+mean")
    assert row is not None
    assert row.dtype == torch.float32
    assert map_row(patches.transpose(1, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depths": 7}, "between 1 and 6"),
        ({"depths": 0}, "between 1 and 6"),
        ({"size": 50}, "of a size that its patches divide"),
    ],
)
def test_what_a_network_cannot_do_is_said(options: dict[str, int], said: str) -> None:
    pytest.importorskip("timm")
    with pytest.raises(UserError, match=said):
        assert create_backbone("timm:test_vit", weights="random", **options).levels


@pytest.mark.parametrize("options", [{"tokens": "class"}, {"size": -1}])
def test_wrong_values_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(UserError):
        create_backbone("timm:test_vit", **options)
