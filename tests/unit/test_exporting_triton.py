"""The configuration for Triton names the inputs and outputs that the graph has, with their types and shapes."""

import re
from pathlib import Path
from typing import Any

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
    kinds = {"tensor(float)": "TYPE_FP32", "tensor(uint8)": "TYPE_UINT8", "tensor(int8)": "TYPE_INT8",
             "tensor(int32)": "TYPE_INT32", "tensor(int64)": "TYPE_INT64"}  # fmt: skip
    for side, graph in ((told["input"], session.get_inputs()), (told["output"], session.get_outputs())):
        assert [each["name"] for each in side] == [each.name for each in graph]
        for one, two in zip(side, graph, strict=True):
            assert one["data_type"] == kinds[two.type]
            assert two.shape[0] == "batch"
            sizes = [size if isinstance(size, int) else -1 for size in two.shape[1:]]
            if sizes:
                assert one["dims"] == sizes
                assert "reshape" not in one
            else:
                assert (one["dims"], one["reshape"]) == ([1], {"shape": []})
    assert any("reshape" in each for each in told["output"])
    assert load(folder / "1" / "model.onnx").schema == load(_again(tmp_path, data)).schema
    assert onnx.load_from_string(data).metadata_props[0].key == "facetwise"


def _again(folder: Path, data: bytes) -> Path:
    path = folder / "again.onnx"
    path.write_bytes(data)
    return path
