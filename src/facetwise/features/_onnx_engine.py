"""Backbones on the CPU: an ONNX graph, exported once, run by ONNX Runtime."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetwise.errors import UnavailableError
from facetwise.features._commit import committed, sweep
from facetwise.features._quiet_exporter import quiet_exporter
from facetwise.models.backbones import Backbone

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["OnnxEngine", "export_graph", "graph_path"]

# Part of every graph's name: raise it when `export_graph` writes another graph for the same backbone.
_EXPORT_VERSION = "1"

# Largest allowed difference between ONNX Runtime and torch, relative to the largest value of the descriptor. Float32
# sums over thousands of terms in another order differ by about 1e-6 of the largest; a wrongly exported layer by 1e-1.
_TOLERANCE = 1e-4


class OnnxEngine:
    """ONNX Runtime on the CPU: one picture at a time on one thread, and as many threads as the caller has.

    Each core takes pictures from reading to descriptor by itself; no core waits for another within a layer. On two
    cores that was as fast as any batch size, and up to 20 % faster than both cores together on one batch. One at a time
    is also the only way that gives a picture the same bits in any company: within a batch, sums begin at other
    addresses and are then taken in another order.

    Four pictures are brought here together, one after the other: a photograph of 2048 x 1536 that is decoded puts the
    network's weights out of the processor's cache, and the second to fourth find them there again (48.6 ms of a core a
    picture in place of 50.6, in each of six rounds; no difference at 512 x 384; 2026-11-23).

    Args:
        graph: an ONNX file made by `export_graph`.
    """

    name = "onnxruntime-cpu-float32"
    batch_size = 4

    def __init__(self, graph: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # Errors only: its warnings speak of the graph's insides.
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._width = self._session.get_outputs()[0].shape[1]

    @staticmethod
    def installed_version() -> str:
        """The major version of ONNX Runtime, without loading it."""
        from importlib.metadata import version

        return version("onnxruntime").split(".")[0]

    @property
    def version(self) -> str:
        return self.installed_version()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        rows = np.empty((len(pixels), self._width), dtype=np.float32)
        for index in range(len(pixels)):
            rows[index] = self._session.run(None, {self._input: pixels[index : index + 1]})[0]
        return rows


def graph_path(backbone: Backbone, cache: Path) -> Path:
    """Where the graph of a backbone is kept; another weight, size or constant is another file."""
    normal = backbone.preprocessing
    key = {
        "export": _EXPORT_VERSION,
        "weights": backbone.weights_digest(),
        "graph": backbone.graph_version,
        "input": [normal.size, normal.mean, normal.std],
        "levels": [asdict(level) for level in backbone.levels],
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache / "graphs" / f"{digest[:16]}.onnx"


def export_graph(backbone: Backbone, cache: Path) -> Path:
    """The ONNX file of a backbone: uint8 `batch rows columns 3` to float32 `batch width`, normalisation inside.

    Written once (about 25 s for lite0, most of it loading timm); afterwards neither torch nor timm is needed. The file
    gets its name only after ONNX Runtime has given torch's numbers for one and for three random pictures.

    Raises:
        UnavailableError: the exported graph computes something else.
    """
    path = graph_path(backbone, cache)
    if path.is_file():
        return path
    import torch

    size = backbone.preprocessing.size
    describer = backbone.describer().eval()
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with quiet_exporter():
        program = torch.onnx.export(
            describer,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            external_data=False,
            verbose=False,
        )
    with committed(path) as part:
        part.write_bytes(_bare(program))
        _compare(part, describer, size)
    sweep(path.parent)
    return path


def _bare(program: "torch.onnx.ONNXProgram | None") -> bytes:
    """The exported graph without the exporter's diary: it holds stack traces, with this machine's folders in them."""
    assert program is not None, "the dynamo exporter returns a program"
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model.SerializeToString(deterministic=True)


def _compare(graph: Path, describer: "nn.Module", size: int) -> None:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = describer(torch.from_numpy(pixels)).numpy()
    allowed = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
    for count in (1, 3):
        found = np.asarray(session.run(None, {session.get_inputs()[0].name: pixels[:count]})[0])
        worst = float(np.abs(found - expected[:count]).max())
        if not worst <= allowed:  # Not a number must fail as well.
            raise UnavailableError(
                f"the exported graph should give the numbers of torch within {allowed:.2g}. "
                f"Found a difference of {worst:.2g} at batch {count}. "
                "Fix: install the versions of torch and onnxruntime in constraints.txt"
            )
