"""An exported file in a service: the rows of predict; hostile and damaged files never reach ONNX Runtime."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from facetwise.decisions import rows_from
from facetwise.errors import BundleError
from facetwise.images import decode, fit
from facetwise.runtime import load, read_contents
from made_export import POLICY, made_file
from tiny_backbone import TinyBackbone


@pytest.fixture(scope="module")
def made() -> tuple[bytes, object]:
    """A small file from pixels, and what it was made from."""
    return made_file()


def _pictures(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number in range(5):
        paths.append(folder / f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)).save(paths[-1])
    return paths


def test_the_rows_are_those_of_predict(made: tuple[bytes, object], tmp_path: Path) -> None:
    import torch

    data, predictor = made
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    pictures = _pictures(tmp_path)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    pixels = np.stack([fit(decode(each.read_bytes()), size=16, mode="squash") for each in pictures])
    with torch.inference_mode():
        features = TinyBackbone().describer()(torch.from_numpy(pixels)).numpy()
    names = [str(each) for each in (*pictures, broken)]
    decided = predictor(features)  # ty: ignore[call-non-callable]
    bundle = predictor.bundle  # ty: ignore[unresolved-attribute]
    expected, _ = rows_from(bundle.schema, names, [None] * 5 + ["not_an_image"], decided, sets_of=bundle.policy)
    model = load(path)
    found = model(names, sets=True)
    assert [row["image"] for row in found] == names
    assert found[-1].keys() == {"image", "issue"}
    assert found[-1]["issue"]
    for one, two in zip(expected[:-1], found[:-1], strict=True):
        assert one.keys() == two.keys()
        for attribute in bundle.schema.attributes:
            a, b = one[attribute.column], two[attribute.column]
            assert (a.state, a.set) == (b.state, b.set)
            assert a.interval == (None if b.interval is None else pytest.approx(b.interval, rel=1e-4))
            assert a.value == (pytest.approx(b.value, rel=1e-4) if isinstance(b.value, float) else b.value)
            assert a.confidence == pytest.approx(b.confidence, abs=1e-5)
    # Bytes in place of paths, any number of threads, in any company.
    again = load(path, threads=1)([each.read_bytes() for each in pictures], sets=True)
    assert [{k: v for k, v in row.items() if k != "image"} for row in again] == [
        {k: v for k, v in row.items() if k != "image"} for row in found[:-1]
    ]
    assert model([]) == []


def test_no_quantile_stays_none_in_strict_json_and_means_everything(made: tuple[bytes, object], tmp_path: Path) -> None:
    """JSON has no infinity: a quantile that is not finite is null, for some categories or for all of them."""

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    data, _ = made
    told = json.loads(read_contents(data).metadata["facetwise"], parse_constant=refuse)
    assert told["decisions"]["conformal"]["a07"]["quantile"] is None
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    model = load(path)
    assert model.facts.policy == POLICY
    decided = model.decide(np.random.default_rng(3).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8))
    shoes = np.arange(6) % 2 == 1
    department = np.where(shoes, model.schema.attribute("department").classes.index("shoes"), 0)
    decided = replace(decided, index=np.column_stack([department, decided.index[:, 1:]]))
    rows, _ = rows_from(model.schema, list("abcdef"), [None] * 6, decided, sets_of=model.facts.policy)
    assert [row["price"].interval is not None for row in rows] == shoes.tolist()
    assert [row["weight"].interval for row in rows] == [None] * 6


def _graph(**options: object) -> onnx.ModelProto:
    entry = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 2])
    leave = helper.make_tensor_value_info("logits", TensorProto.UINT8, ["batch", 2])
    node = helper.make_node("Identity", ["pixels"], ["logits"], domain=str(options.get("domain", "")))
    return helper.make_model(helper.make_graph([node], "g", [entry], [leave]))


def _external() -> bytes:
    model = _graph()
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../canary")
    model.graph.initializer.append(tensor)
    return model.SerializeToString()


def _hidden_external() -> bytes:
    """Within an attribute of a node of a subgraph."""
    model = _graph()
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.external_data.add(key="location", value="/etc/passwd")
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["pixels"], ["x"], then_branch=inner, else_branch=inner))
    return model.SerializeToString()


def _function() -> bytes:
    model = _graph()
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("own", "Trick", ["a"], ["b"], [node], [helper.make_opsetid("", 20)]))
    return model.SerializeToString()


def _changed(data: bytes, key: str, value: object) -> bytes:
    model = onnx.load_from_string(data)
    told = json.loads(model.metadata_props[0].value)
    told[key] = value
    model.metadata_props[0].value = json.dumps(told)
    return model.SerializeToString()


def _other_weights(data: bytes) -> bytes:
    model = onnx.load_from_string(data)
    tensor = next(each for each in model.graph.initializer if len(each.raw_data) > 64)
    tensor.raw_data = tensor.raw_data[:-1] + bytes([tensor.raw_data[-1] ^ 1])
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: data[:-1], "cut short|whole ONNX"),
        (lambda _: b"", "no graph"),
        (lambda _: b"\xff" * 100, "whole ONNX"),
        (lambda _: b"PK\x03\x04" + b"\0" * 60, "ONNX file"),
        (lambda _: _graph().SerializeToString(), "without the metadata"),
        (lambda _: _external(), "another file"),
        (lambda _: _hidden_external(), "another file"),
        (lambda _: _function(), "operators of its own"),
        (lambda _: _graph(domain="evil").SerializeToString(), "operators of b'evil'"),
        (lambda data: _changed(data, "format", 2), "format 2; this version of facetwise reads format 1"),
        (lambda data: _changed(data, "thresholds", {"a04": [0.9]}), "digest differs"),
        (lambda data: _changed(data, "schema", {}), "digest differs"),
        (_other_weights, "digest differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_and_damaged_files_are_refused(
    made: tuple[bytes, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, words: str
) -> None:
    import onnxruntime

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("ONNX Runtime must not see this file")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    path = tmp_path / "hostile.onnx"
    path.write_bytes(change(made[0]))  # ty: ignore[call-non-callable]
    with pytest.raises(BundleError, match=words) as raised:
        load(path)
    assert "was refused" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_bytes_make_the_reader_fall(made: tuple[bytes, object]) -> None:
    """Flipped bytes anywhere: refused, or not noticed by a reader of the frame; never another error."""
    data, rng = made[0], np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] = rng.integers(256)
        try:
            read_contents(bytes(broken))
        except BundleError:
            continue


def test_a_missing_file_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        load(tmp_path / "nothing.onnx")


def test_bytes_of_a_picture_are_read(made: tuple[bytes, object], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(made[0])
    sink = io.BytesIO()
    Image.new("RGB", (9, 9), (10, 20, 30)).save(sink, "PNG")
    assert load(path).pixels(sink.getvalue()).shape == (16, 16, 3)
