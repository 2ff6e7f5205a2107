"""A fine-tuned run from the table to answers: the bundle's own weights answer, and a network from nothing overfits."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facetwise as fw
from facetwise.data.catalogue import draw_catalogue
from facetwise.errors import ConfigError, RunError, UserError
from facetwise.events import Event
from facetwise.models.backbones import TunedBackbone
from facetwise.runs import _own_backbone
from facetwise.training import _learned_backbone, read_checkpoint
from tiny_backbone import TinyBackbone, stand_in

ITEMS = 90
COLOURS = {"red": (200, 60, 60), "green": (60, 160, 60), "blue": (60, 60, 200)}
OPTIONS: dict[str, Any] = {
    "epochs": 3, "batch_size": 16, "trunk": {"width": 16}, "finetune": "all", "backbone_rate": 1e-3,
    "head_rate": 3e-3, "device": "cpu",
}  # fmt: skip


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "tuning-cache", _learned_backbone)
    for module in (_own_backbone, _learned_backbone):
        monkeypatch.setattr(module, "network_of", lambda *_, **__: TinyBackbone())


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("coloured"), np.random.default_rng(0)
    rows = []
    for item in range(ITEMS):
        colour = list(COLOURS)[item % 3]
        striped = bool(rng.random() < 0.5)
        pixels = np.full((24, 20, 3), COLOURS[colour], dtype=np.uint8)
        pixels[::4] = 255 if striped else pixels[::4]
        noisy = np.clip(pixels + rng.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{item:03d}.png")
        rows.append((f"{item:03d}.png", colour, "striped" if striped else "plain", "left" if item % 2 else "right"))
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "colour", "pattern", "side"), *rows])
    return folder


def _codes(told: list[Event]) -> set[str]:
    return {event.data["code"] for event in told if event.data and "code" in event.data}


@pytest.mark.slow
@pytest.mark.usefixtures("_tiny")
def test_the_bundle_answers_with_the_weights_it_was_given(coloured: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    run = fw.train(
        coloured / "table.csv", images=coloured, out=tmp_path / "run", report=told.append, **OPTIONS,
        augmentation=["light"], ema=0.5, mixing="mixup",
    )  # fmt: skip
    assert "mirrored" in _codes(told), "a left and a right side, and mirror images"
    about = run.bundle.backbone
    assert about["mode"] == "embedded"
    assert about["origin"] == TinyBackbone().weights_digest() != about["sha256"]
    assert (run.path / "bundle" / "backbone.safetensors").is_file()

    # The weights are those of the best epoch, and not those that it began as.
    best = read_checkpoint(run.path / "checkpoints" / "best_score").tensors
    begun = {name: value.numpy() for name, value in TinyBackbone().describer().state_dict().items()}
    for name, array in run.bundle.network.items():
        assert (array == best[f"reader.describer.{name}"]).all()
        assert (array != begun[name]).any()
    assert not any(name.startswith("reader.") for name in run.bundle.tensors)

    # A picture that nobody has seen, through the file on the disk, equals the network of the checkpoint.
    import torch

    again = fw.load(run.path)
    backbone = again.backbone()
    assert isinstance(backbone, TunedBackbone)
    pixels = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "new.png")
    answers = again.predict([tmp_path / "new.png"])
    with torch.inference_mode():
        features = backbone.describer()(torch.from_numpy(pixels)[None]).numpy()
    expected = again.predict_features(features)
    # The engine describes a batch of fixed size and this line a single picture: the last bit may differ.
    for own, other in zip(answers.rows, expected.rows, strict=True):
        assert (own["colour"].value, own["colour"].state) == (other["colour"].value, other["colour"].state)
        assert own["colour"].confidence == pytest.approx(other["colour"].confidence, abs=1e-6)

    # The cache holds both kinds of features, apart, and evaluating finds the tuned ones again.
    np.testing.assert_array_equal(again.prepared.features, run.prepared.features)
    assert again.evaluate(split="val").overall is not None
    assert again.evaluate(split="train").attributes["colour"].accuracy > 0.5
    empty = tmp_path / "gaps.csv"
    empty.write_text("image,colour,pattern,side\n001.png,,,\n", encoding="utf-8")
    again.fill(empty, images=coloured).write(tmp_path / "filled.csv")
    with pytest.raises(RunError, match="best_score"):
        again.predict([tmp_path / "new.png"], checkpoint="last")

    # The same command does nothing; the same run with other weights of the same shape is a damaged bundle.
    told.clear()
    fw.train(
        coloured / "table.csv", images=coloured, out=tmp_path / "run", report=told.append, **OPTIONS,
        augmentation=["light"], ema=0.5, mixing="mixup",
    )  # fmt: skip
    assert "finished" in _codes(told)


@pytest.mark.slow
@pytest.mark.usefixtures("_tiny")
def test_features_of_a_tuned_backbone_are_its_own(coloured: Path, tmp_path: Path) -> None:
    """And those of the backbone that it began as stay what they were."""
    tuned = fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "tuned", **OPTIONS)
    plain = fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "plain", epochs=1, trunk={"width": 16})
    assert plain.bundle.backbone["mode"] == "referenced"
    assert plain.bundle.network is None
    ours, theirs = fw.load(tuned.path).prepared.features, fw.load(plain.path).prepared.features
    assert np.abs(ours - theirs).max() > 1e-3


@pytest.mark.usefixtures("_tiny")
def test_a_users_function(coloured: Path, tmp_path: Path) -> None:
    shapes = set()

    def change(pixels: np.ndarray) -> np.ndarray:
        shapes.add(pixels.shape)
        return 255 - pixels[:8]

    options = {**OPTIONS, "epochs": 1}
    fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "run", augment=change, **options)
    assert shapes == {(18, 18, 3)}
    with pytest.raises(ConfigError, match=r"augment: .*Found cached features"):
        fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "other", augment=change)


@pytest.mark.usefixtures("_tiny")
def test_what_cannot_be_tuned(coloured: Path, tmp_path: Path) -> None:
    features = tmp_path / "features.npy"
    np.save(features, np.random.default_rng(0).random((ITEMS, 4)).astype(np.float32))
    with pytest.raises(UserError, match="fine-tuning reads pictures"):
        fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "run", features=features, **OPTIONS)
    with pytest.raises(ConfigError, match=r"config: augmentation.*\n.*config: checkpointing"):
        fw.train(
            coloured / "table.csv", images=coloured, out=tmp_path / "other", augmentation=["flip"], checkpointing=True
        )
    with pytest.raises(ConfigError, match="mixing of pixels needs pictures"):
        fw.train(coloured / "table.csv", images=coloured, out=tmp_path / "third", mixing="cutmix")


@pytest.mark.slow
def test_resnet18_from_nothing_overfits_64_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 600 drawn ones, at 64 pixels; a network that could not learn would stay at the majority's share."""
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "cache"))
    draw_catalogue(tmp_path / "shop", items=600)
    with (tmp_path / "shop" / "products.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    chosen = rows[:64] * 2  # selected on what it learns from: this is about fitting, not about generalising
    with (tmp_path / "shop" / "few.csv").open("w", encoding="utf-8", newline="") as file:
        sides = ["train"] * 64 + ["val"] * 64
        csv.writer(file).writerows([[*head, "split"], *([*row, side] for row, side in zip(chosen, sides, strict=True))])
    run = fw.train(
        tmp_path / "shop" / "few.csv", images=tmp_path / "shop", out=tmp_path / "run", device="cpu",
        backbone={"name": "resnet18", "weights": "random", "size": 64}, finetune="all", epochs=24, patience=24,
        batch_size=16, backbone_rate=5e-4, head_rate=2e-3, weight_decay=0.0, batch_norm="batch",
        test_ratio=0.0, min_count=2, input_dropout=0.0,
        trunk={"dropout": 0.0}, neighbours=False, reweighting="none", select_by="mean_accuracy",
        attributes=["department", "category", "colour", "pattern"],
    )  # fmt: skip
    found = run.evaluate(split="train")
    assert {name: metrics.accuracy for name, metrics in found.attributes.items()} == dict.fromkeys(
        found.attributes, 1.0
    )
