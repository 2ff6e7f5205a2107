"""`facetwise backbones`, and every spelling of a backbone on the way through the configuration."""

import json
from pathlib import Path

import numpy as np
import pytest

from facetwise.cli import run
from facetwise.config import load_config, resolve_config
from facetwise.errors import ConfigError
from facetwise.models.backbones import ALIASES, BACKBONES, create_backbone
from made_backbones import randomised, saved
from pictures import photographs


def test_the_list_says_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in said["backbones"]}
    assert set(rows) == set(ALIASES) | {name for name in BACKBONES if not name.endswith(":")}
    assert rows["lite0"]["local"] is True
    assert rows["alexnet-mtl"]["local"] is False
    assert rows["dinov3-base"]["licence"] == "LicenseRef-DINOv3"
    assert len(said["families"]) == sum(name.endswith(":") for name in BACKBONES)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones"]) == 0
    said = capsys.readouterr().out
    for name in (*ALIASES, "dinov3_vitl16", "ViT-B-32", "facebook/dinov2-base", "timm:NAME", "--weights FILE"):
        assert name in said


def test_what_came_with_the_installation_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "--fetch", "lite0"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_a_mistyped_name_is_mended(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "--fetch", "dinov2-bas"]) == 2
    assert "dinov2-base" in capsys.readouterr().err


def test_fetched_files_and_their_licence_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import huggingface_hub

    path = tmp_path / "model.safetensors"
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_args, **_keywords: str(path))
    assert run(["backbones", "--fetch", "dinov3_vits16", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"name": "dinov3_vits16", "files": [str(path)], "licence": "LicenseRef-DINOv3"}


@pytest.mark.parametrize(
    "name",
    [
        "lite0",
        "resnet18",
        "timm:convnext_tiny.fb_in22k",
        "hf:facebook/dinov2-base",
        "open_clip:ViT-B-32/openai",
        "ViT-B-32",
    ],
)
def test_the_configuration_takes_every_spelling(name: str) -> None:
    options = {} if name == "lite0" else {"weights": "some.pth", "depths": 2}
    settings = [f"backbone={name}", *(f"backbone.{key}={value}" for key, value in options.items())]
    chosen = load_config(settings=settings).backbone
    assert (chosen.name, chosen.options) == (name, options)
    create_backbone(chosen.name, **chosen.options)


def test_weights_reach_the_backbone_wherever_it_is_chosen(tmp_path: Path) -> None:
    own, other = tmp_path / "own.safetensors", tmp_path / "other.safetensors"
    (tmp_path / "config.yaml").write_text(f"backbone: {{name: 'timm:test_vit', weights: '{other}'}}", encoding="utf-8")
    for found in (
        resolve_config(weights=own, backbone="timm:test_vit"),
        resolve_config(weights=own, settings=["backbone=timm:test_vit"]),
        resolve_config(tmp_path / "config.yaml", weights=own),
    ):
        assert (found.config.backbone.name, found.config.backbone.options) == ("timm:test_vit", {"weights": str(own)})
        assert found.origin("backbone", "options", "weights") == "--weights"


def test_weights_are_said_once_and_to_a_backbone_that_reads_them() -> None:
    with pytest.raises(ConfigError, match=r"the weights of the backbone are said once.*a\.pt.*b\.pt"):
        load_config(settings=["backbone=timm:test_vit", "backbone.weights=b.pt"], weights="a.pt")
    with pytest.raises(
        ConfigError, match=r"--weights: this is no option of lite0.*choose another backbone: .*timm:NAME"
    ):
        load_config(weights="a.pt")


def test_extract_reads_the_weights_that_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timm, tables = pytest.importorskip("timm"), []
    photographs(tmp_path / "photos", 2)
    words = ["extract", str(tmp_path / "photos"), "--backbone", "timm:test_vit", "--cache", str(tmp_path / "cache")]
    for name in ("one", "another"):
        weights = saved(
            randomised(timm.create_model("test_vit"), seed=len(name)).state_dict(), tmp_path / f"{name}.safetensors"
        )
        tables.append(tmp_path / f"{name}.npy")
        assert run([*words, "--weights", weights, "--to", str(tables[-1])]) == 0, capsys.readouterr()
    first, second = (np.load(table) for table in tables)
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.01
    assert run([*words, "--weights", str(tmp_path / "none.safetensors")]) == 2
    assert "none.safetensors" in capsys.readouterr().err


@pytest.mark.slow
def test_from_a_file_of_weights_to_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timm = pytest.importorskip("timm")
    weights = saved(timm.create_model("test_vit").state_dict(), tmp_path / "own.safetensors")
    paths = photographs(tmp_path / "photos", 60)
    lines = [f"{path.name},{'light' if place % 2 else 'dark'}" for place, path in enumerate(paths)]
    (tmp_path / "table.csv").write_text("\n".join(["image,tone", *lines]), encoding="utf-8")
    words = ["train", str(tmp_path / "table.csv"), "--images", str(tmp_path / "photos"), "--out", str(tmp_path / "run")]
    words += ["--backbone", "timm:test_vit", "--weights", str(weights), "--epochs", "2"]
    assert run([*words, "--set", "min_count=2"]) == 0, capsys.readouterr()
    capsys.readouterr()
    assert run(["predict", str(tmp_path / "run"), str(tmp_path / "photos"), "--out", str(tmp_path / "out.csv")]) == 0
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 61
