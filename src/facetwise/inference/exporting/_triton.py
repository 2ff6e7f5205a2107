"""An exported file as a model repository of NVIDIA's Triton Inference Server."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facetwise.errors import UserError
from facetwise.inference._atomic import write_bytes, write_text

__all__ = ["triton_config", "write_triton"]

# Names of types in config.pbtxt by those of ONNX Runtime.
# Source: Triton Inference Server, "Model Configuration", section "Datatypes".
_TYPES = {
    "tensor(float)": "TYPE_FP32", "tensor(uint8)": "TYPE_UINT8", "tensor(int8)": "TYPE_INT8",
    "tensor(int32)": "TYPE_INT32", "tensor(int64)": "TYPE_INT64", "tensor(double)": "TYPE_FP64",
    "tensor(bool)": "TYPE_BOOL", "tensor(float16)": "TYPE_FP16",
}  # fmt: skip
# The bounds of `facetwise serve`: pictures that wait, and microseconds until one that waits is refused.
MOST, QUEUE, PATIENCE = 16, 64, 10_000_000
# Microseconds that a batch waits for company.
DELAY = 1000


def triton_config(data: bytes, name: str) -> str:
    """`config.pbtxt`, whose inputs and outputs are those of the graph.

    The first axis of every tensor is the batch, which Triton adds itself; where nothing is left, as of `a03.state`, it
    wants one axis of length 1 and a reshape.

    Args:
        data: The ONNX file.
        name: Of the model, which is that of its folder.

    Raises:
        UserError: A tensor of a type that Triton does not have.
    """
    import onnxruntime

    # Triton asks ONNX Runtime for the shapes, which finds some that the graph leaves open.
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    blocks = [_tensors("input", session.get_inputs()), _tensors("output", session.get_outputs())]
    return f"""\
# Written by `facetwise export --triton`. What the outputs mean stands in the file's metadata, under "facetwise".
name: "{name}"
backend: "onnxruntime"
max_batch_size: {MOST}
{blocks[0]}
{blocks[1]}
dynamic_batching {{
  max_queue_delay_microseconds: {DELAY}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {PATIENCE}
    max_queue_size: {QUEUE}
  }}
}}
"""


def _tensors(kind: str, tensors: Sequence[Any]) -> str:
    told = []
    for tensor in tensors:
        if tensor.type not in _TYPES:
            raise UserError(f"Triton has no {tensor.type}. Found {tensor.name!r}. Fix: serve the file itself")
        # An axis without a number may have any length.
        sizes = [str(size) if isinstance(size, int) else "-1" for size in tensor.shape[1:]]
        shape = f"dims: [ {', '.join(sizes)} ]" if sizes else "dims: [ 1 ] reshape: { shape: [ ] }"
        told.append(f'  {{ name: "{tensor.name}" data_type: {_TYPES[tensor.type]} {shape} }}')
    return f"{kind} [\n" + ",\n".join(told) + "\n]"


def write_triton(data: bytes, folder: Path, name: str) -> Path:
    """Write `folder/NAME/config.pbtxt` and `folder/NAME/1/model.onnx`.

    Args:
        data: The ONNX file.
        folder: The model repository; other models in it stay.
        name: What the model is to be called; signs that a folder or Triton may not have become `_`.

    Returns:
        The folder of the model.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "model"
    config = triton_config(data, safe)
    write_bytes(folder / safe / "1" / "model.onnx", data)
    write_text(folder / safe / "config.pbtxt", config)
    return folder / safe
