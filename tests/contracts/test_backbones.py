"""Every backbone in the table keeps the contract. A new line needs a made network here, and nothing else."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facetwise.errors import UnavailableError, UserError
from facetwise.images import FIT_MODES
from facetwise.models.backbones import ALIASES, BACKBONES, Backbone, Fetchable, backbone_names, create_backbone
from made_backbones import made_hf_folder, made_open_clip_model, saved

EVERY = sorted(BACKBONES)
# Drawing the 57 million values of this one takes a second each time.
NETWORKS = [pytest.param(line, marks=pytest.mark.slow) if line == "alexnet-mtl" else line for line in EVERY]
# Of a family, a small network that needs no download; the others are themselves.
MADE: Mapping[str, tuple[str, dict[str, Any]]] = {
    "lite0": ("lite0", {}),
    "alexnet-mtl": ("alexnet-mtl", {"weights": "random", "size": 64}),
    "timm:": ("timm:test_vit", {"weights": "random"}),
    "hf:": ("hf:FOLDER", {"weights": "random"}),
    "open_clip:": ("open_clip:facetwise-tiny", {"weights": "random"}),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


def made(line: str, folder: Path, **options: Any) -> Backbone:
    name, given = MADE[line]
    if line == "hf:":
        pytest.importorskip("transformers")
        if not (folder / "config.json").exists():
            made_hf_folder("dinov2_with_registers", folder)
        name = f"hf:{folder}"
    if line == "open_clip:":
        pytest.importorskip("open_clip")
        made_open_clip_model(folder)
    return create_backbone(name, **{**given, **options})


def pixels_for(backbone: Backbone, count: int) -> np.ndarray:
    size = backbone.preprocessing.size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("line", EVERY)
def test_it_describes_itself(line: str, folder: Path) -> None:
    backbone = made(line, folder)
    assert isinstance(backbone, Backbone)
    assert backbone.name.startswith(line)
    assert backbone.licence
    assert backbone.graph_version
    assert backbone.width == sum(level.width for level in backbone.levels)
    assert all(level.width > 0 and level.num_tokens == 1 for level in backbone.levels)
    assert len({level.name for level in backbone.levels}) == len(backbone.levels)
    assert backbone.levels[-1].name == "last"
    assert backbone.preprocessing.fit in FIT_MODES
    assert all(deviation > 0 for deviation in backbone.preprocessing.std)
    assert backbone.weights_digest() == made(line, folder).weights_digest()
    assert len(backbone.weights_digest()) == 64


@pytest.mark.parametrize("line", EVERY)
@pytest.mark.parametrize("fit", FIT_MODES)
def test_the_fit_can_be_chosen(line: str, fit: str, folder: Path) -> None:
    assert made(line, folder, fit=fit).preprocessing.fit == fit


@pytest.mark.parametrize("line", EVERY)
def test_bad_options_name_the_nearest(line: str, folder: Path) -> None:
    with pytest.raises(UserError, match="did you mean fit"):
        made(line, folder, fitt="crop")
    with pytest.raises(UserError, match="did you mean crop"):
        made(line, folder, fit="cropp")
    with pytest.raises(UserError, match="has no option 'model'"):
        made(line, folder, model="x")


@pytest.mark.parametrize("line", NETWORKS)
def test_its_network_gives_one_finite_row_per_picture_in_any_company(line: str, folder: Path) -> None:
    import torch

    backbone = made(line, folder)
    describer = backbone.describer()
    assert not describer.training
    pixels = torch.from_numpy(pixels_for(backbone, 3))
    pixels[1] = 255
    with torch.inference_mode():
        rows, alone = describer(pixels), describer(pixels[1:2])
    assert rows.shape == (3, backbone.width)
    assert rows.dtype == torch.float32
    assert torch.isfinite(rows).all()
    assert not torch.equal(rows[0], rows[2])
    torch.testing.assert_close(rows[1:2], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("line", NETWORKS)
def test_its_network_can_be_trained(line: str, folder: Path) -> None:
    """Gradients are finite, for a blank picture too (a deviation of zero), and reach the first layer."""
    import torch

    backbone = made(line, folder)
    describer = backbone.describer()
    pixels = torch.from_numpy(pixels_for(backbone, 2))
    pixels[1] = 0
    parameters = list(describer.parameters())
    assert all(parameter.requires_grad for parameter in parameters)
    describer(pixels).square().mean().backward()
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert gradients[0].abs().sum() > 0
    assert len(gradients) >= 0.8 * len(parameters)


@pytest.mark.parametrize("line", [line for line in NETWORKS if line != "lite0"])
def test_patch_tokens_are_one_level_of_tokens(line: str, folder: Path) -> None:
    import torch

    backbone = made(line, folder, patch_tokens=True)
    [level] = backbone.levels
    assert level.num_tokens > 1 or line == "alexnet-mtl"  # one position at 64 pixels
    assert level.width % level.num_tokens == 0
    assert backbone.graph_version != made(line, folder).graph_version
    with torch.inference_mode():
        assert backbone.describer()(torch.from_numpy(pixels_for(backbone, 2))).shape == (2, level.width)


def test_the_digest_of_a_file_needs_no_network_library(tmp_path: Path) -> None:
    import torch

    weights = saved({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    names = [f"{line}x" if line.endswith(":") else line for line in EVERY if line != "lite0"]
    code = (
        "import sys; from facetwise.models.backbones import create_backbone; "
        "create_backbone('lite0').weights_digest(); "
        f"[create_backbone(name, weights={weights!r}).weights_digest() for name in {names!r}]; "
        "assert not {'timm', 'transformers', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


@pytest.mark.parametrize("line", [line for line in EVERY if line.endswith(":")])
def test_a_family_can_be_fetched_and_needs_a_name(line: str) -> None:
    assert isinstance(create_backbone(f"{line}x"), Fetchable)
    with pytest.raises(UnavailableError, match=f"write {line}NAME"):
        create_backbone(line)


def test_an_unknown_name_names_the_nearest() -> None:
    for wrong, right in (("lite", "lite0"), ("dinov2-bas", "dinov2-base"), ("tim:", "timm:")):
        with pytest.raises(UnavailableError, match=f"did you mean .*{right}"):
            create_backbone(wrong)


def test_every_spelling_is_said_once() -> None:
    spellings = [*BACKBONES, *ALIASES, *(word for alias in ALIASES.values() for word in alias.also)]
    assert len(set(spellings)) == len(spellings)
    assert set(backbone_names()) == set(spellings)
    for spelling in set(spellings) - set(BACKBONES):
        assert isinstance(create_backbone(spelling), backbone_names()[spelling])


def test_options_of_a_short_name_are_defaults() -> None:
    assert create_backbone("dinov2-small").preprocessing.size == 224
    assert create_backbone("dinov2-small", size=518).preprocessing.size == 518


@pytest.mark.slow
@pytest.mark.parametrize("name", ALIASES)
def test_a_short_name_says_what_is_true(name: str) -> None:
    """The list of `facetwise backbones` is written down, so that it loads nothing; here it is checked."""
    import torch

    alias = ALIASES[name]
    if alias.target.startswith("open_clip:"):
        pytest.importorskip("open_clip")
    backbone = create_backbone(name)
    assert backbone.name == alias.target
    assert backbone.width == alias.width
    assert backbone.preprocessing.size == alias.pixels
    assert backbone.licence in (alias.licence, "NOASSERTION")
    assert backbone._blueprint.repository == alias.repository
    with torch.device("meta"):
        network = backbone._build(alias.pixels)
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert millions == pytest.approx(alias.parameters, rel=0.01)
