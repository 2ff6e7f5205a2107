"""The configuration for Triton names the inputs and outputs that the graph has, with their types and shapes."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from facetwise.inference.exporting import write_triton
from facetwise.runtime import load
from made_export import made_file

_TOKEN = re.compile(r'"([^"]*)"|([A-Za-z_][\w]*)|(-?\d+)|([\[\]{},:])')


def _parse(text: str) -> dict[str, Any]:
    """The text format of protocol buffers, as far as a configuration needs it."""
    text = re.sub(r"#.*", "", text)
    tokens = list(_TOKEN.finditer(text))
    assert re.sub(r"\s", "", _TOKEN.sub("", text)) == "", "nothing is left over"
    words = [next(part for part in m.groups() if part is not None) for m in tokens]
    place = 0

    def message(end: str | None) -> dict[str, Any]:
        nonlocal place
        found: dict[str, Any] = {}
        while place < len(words) and words[place] != end:
            key = words[place]
            place += 1
            if words[place] == ":":
                place += 1
            assert key not in found
            found[key] = value()
            if place < len(words) and words[place] == ",":
                place += 1
        place += 1
        return found

    def value() -> Any:
        nonlocal place
        word = words[place]
        place += 1
        if word == "{":
            return message("}")
        if word == "[":
            several = []
            while words[place] != "]":
                several.append(value())
                if words[place] == ",":
                    place += 1
            place += 1
            return several
        return int(word) if re.fullmatch(r"-?\d+", word) else word

    return message(None)


def test_the_repository_is_what_the_graph_is(tmp_path: Path) -> None:
    data, _ = made_file()
    folder = write_triton(data, tmp_path / "models", "my run.v1")
    assert folder == tmp_path / "models" / "my_run_v1"
    told = _parse((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert told["name"] == folder.name
    assert told["backend"] == "onnxruntime"
    assert told["max_batch_size"] > 1
    assert told["dynamic_batching"]["default_queue_policy"]["max_queue_size"] > 0
    session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))
    [entry] = told["input"]
    assert (entry["name"], entry["data_type"]) == ("pixels", "TYPE_UINT8")
    values = np.zeros((3, *entry["dims"]), np.uint8)
    kinds = {"TYPE_FP32": np.float32, "TYPE_INT8": np.int8, "TYPE_UINT8": np.uint8, "TYPE_INT32": np.int32,
             "TYPE_INT64": np.int64}  # fmt: skip
    found = session.run(None, {"pixels": values})
    assert [each["name"] for each in told["output"]] == [each.name for each in onnx.load_from_string(data).graph.output]
    for one, array in zip(told["output"], map(np.asarray, found), strict=True):
        assert array.dtype == kinds[one["data_type"]], one
        sizes = one["reshape"]["shape"] if "reshape" in one else one["dims"]
        assert array.shape[0] == 3
        assert len(sizes) == array.ndim - 1
        assert all(told in (-1, size) for told, size in zip(sizes, array.shape[1:], strict=True)), one
    assert any("reshape" in each for each in told["output"])
    assert load(folder / "1" / "model.onnx").schema == load(_again(tmp_path, data)).schema
    assert onnx.load_from_string(data).metadata_props[0].key == "facetwise"


def _again(folder: Path, data: bytes) -> Path:
    path = folder / "again.onnx"
    path.write_bytes(data)
    return path
