"""Every backbone in the table keeps the contract. A new line in the table is tested without a line here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facetwise.errors import UnavailableError, UserError
from facetwise.images import FIT_MODES
from facetwise.models.backbones import BACKBONES, Backbone, create_backbone

EVERY = sorted(BACKBONES)


@pytest.mark.parametrize("name", EVERY)
def test_it_describes_itself_without_its_network(name: str) -> None:
    backbone = create_backbone(name)
    assert isinstance(backbone, Backbone)
    assert backbone.name == name
    assert backbone.licence
    assert backbone.graph_version
    assert backbone.width == sum(level.width for level in backbone.levels)
    assert all(level.width > 0 for level in backbone.levels)
    assert len({level.name for level in backbone.levels}) == len(backbone.levels)
    assert backbone.levels[-1].name == "last"
    assert backbone.preprocessing.fit in FIT_MODES
    assert all(deviation > 0 for deviation in backbone.preprocessing.std)
    assert backbone.weights_digest() == create_backbone(name).weights_digest()
    assert len(backbone.weights_digest()) == 64


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("fit", FIT_MODES)
def test_the_fit_can_be_chosen(name: str, fit: str) -> None:
    assert create_backbone(name, fit=fit).preprocessing.fit == fit


@pytest.mark.parametrize("name", EVERY)
def test_bad_options_name_the_nearest(name: str) -> None:
    with pytest.raises(UserError, match="did you mean fit"):
        create_backbone(name, fitt="crop")
    with pytest.raises(UserError, match="did you mean crop"):
        create_backbone(name, fit="cropp")


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnavailableError, match="did you mean lite0"):
        create_backbone("lite")


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_its_network_gives_one_finite_row_per_picture(name: str) -> None:
    import torch

    backbone = create_backbone(name)
    describer = backbone.describer()
    assert not describer.training
    size = backbone.preprocessing.size
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8))
    pixels[1] = 255
    with torch.inference_mode():
        rows = describer(pixels)
    assert rows.shape == (2, backbone.width)
    assert rows.dtype == torch.float32
    assert torch.isfinite(rows).all()
    assert not torch.equal(rows[0], rows[1])


@pytest.mark.parametrize("name", EVERY)
def test_its_digest_needs_no_network_library(name: str) -> None:
    code = (
        "import sys; from facetwise.models.backbones import create_backbone; "
        f"create_backbone({name!r}).weights_digest(); assert 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
