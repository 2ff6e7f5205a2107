"""A run out of the training machine: what is written has been proved, what does not hold is not written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.cli import run as command
from facetwise.errors import BundleError, UserError
from facetwise.inference import Predictor
from facetwise.runs import _deployed
from facetwise.runtime import load

ITEMS = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    """Trained on given features in a second."""
    folder = tmp_path_factory.mktemp("deployed")
    rng = np.random.default_rng(0)
    colour, size = rng.integers(3, size=ITEMS), rng.integers(2, size=ITEMS)
    pl.DataFrame(
        {
            "image": [f"{n}.png" for n in range(ITEMS)],
            "colour": [("red", "green", "blue")[n] for n in colour],
            "large": [("no", "yes")[n] for n in size],
            "price": (10.0 + 5 * colour + rng.normal(0, 0.5, ITEMS)).round(2),
        }
    ).write_csv(folder / "table.csv")
    features = rng.normal(0, 0.7, (ITEMS, 10)).astype(np.float32)
    features[:, :3] += 2 * np.eye(3, dtype=np.float32)[colour]
    features[:, 3] += 2.0 * size
    np.save(folder / "features.npy", features)
    return fw.train(
        folder / "table.csv", features=folder / "features.npy", out=folder / "run", epochs=4, batch_size=32,
        trunk={"width": 16}, device="cpu",
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(run: fw.Run) -> Path:
    """Its file, which the gate let through."""
    path = run.path.parent / "model.onnx"
    made = run.export("onnx", out=path, features_only=True)
    assert made.path == path
    assert made.verification.holds
    assert made.size == path.stat().st_size
    return path


def test_the_file_decides_as_the_run(run: fw.Run, exported: Path) -> None:
    found = run.verify(exported)
    assert found.holds
    assert found.equal == 1.0
    assert set(found.batches) == {1, 2, 7, 32}
    features = run.prepared.features
    expected, decided = run.predictor()(features), load(exported).decide(features)
    np.testing.assert_array_equal(decided.state, expected.state)
    np.testing.assert_array_equal(decided.index, expected.index)
    told = load(exported).facts.about
    assert told["data"]["content"] == run.prepared.content
    assert told["metrics"]["split"] == run.metrics["split"]


def test_the_command_line_says_the_same(run: fw.Run, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["verify", str(run.path), str(exported), "--limit", "20"]) == 0
    assert "100.0000% equal" in capsys.readouterr().out
    assert command(["export", str(run.path), "--out", str(exported)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert command(["export", str(run.path), "--out", str(exported.with_name("new.onnx"))]) == 2
    assert "--features-only" in capsys.readouterr().err


def _spoilt(make: Any) -> Any:
    """A file in which two classes have changed places: the oldest mistake of all."""

    def other(predictor: Predictor, **options: Any) -> bytes:
        model = predictor.model
        tensors = {name: array.copy() for name, array in predictor.bundle.tensors.items()}
        [name] = [name for name in tensors if name.startswith("head.") and name.endswith("weight")]
        tensors[name][[0, 1]] = tensors[name][[1, 0]]
        assert model is not None
        return make(Predictor(replace(predictor.bundle, tensors=tensors)), **options)

    return other


def test_a_file_that_decides_differently_is_not_written(
    run: fw.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_deployed, "onnx_file", _spoilt(_deployed.onnx_file))
    with pytest.raises(UserError, match=r"was not written.*\n  colour: a probability differs"):
        run.export(out=tmp_path / "bad.onnx", features_only=True)
    assert list(tmp_path.iterdir()) == []
    del capsys


def test_a_file_of_another_run_is_refused(run: fw.Run, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fw.load(run.path)
    attributes = run.schema.attributes
    schema = replace(run.schema, attributes=(replace(attributes[0], column="hue"), *attributes[1:]))
    monkeypatch.setattr(type(other), "schema", property(lambda _: schema))
    with pytest.raises(BundleError, match="file of another run"):
        other.verify(exported)


def test_precision_is_about_a_backbone(run: fw.Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--precision int8 is about the backbone"):
        run.export(out=tmp_path / "x.onnx", features_only=True, precision="int8")


def test_a_run_is_exported_once_for_its_server(
    run: fw.Run, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache knows a file by the bundle; half a file is never there."""
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path))
    made: list[Path] = []

    def export(_: fw.Run, out: Path, **__: Any) -> None:
        made.append(out)
        out.parent.mkdir(parents=True)
        out.write_bytes(exported.read_bytes())

    monkeypatch.setattr(_deployed, "export_run", export)
    first = run.exported()
    assert run.exported() == first == made[0]
    assert len(made) == 1
    assert tmp_path in first.parents
