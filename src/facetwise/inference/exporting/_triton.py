"""An exported file as a model repository of NVIDIA's Triton Inference Server."""

import re
from pathlib import Path

from facetwise.errors import UserError
from facetwise.inference._atomic import write_bytes, write_text

__all__ = ["triton_config", "write_triton"]

# Names of types in config.pbtxt by those of ONNX (TensorProto.DataType).
# Source: Triton Inference Server, "Model Configuration", section "Datatypes".
_TYPES = {
    "FLOAT": "TYPE_FP32", "UINT8": "TYPE_UINT8", "INT8": "TYPE_INT8", "INT32": "TYPE_INT32", "INT64": "TYPE_INT64",
    "DOUBLE": "TYPE_FP64", "BOOL": "TYPE_BOOL", "FLOAT16": "TYPE_FP16",
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
    import onnx

    graph = onnx.load_from_string(data).graph
    blocks = [_tensors("input", graph.input), _tensors("output", graph.output)]
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


def _tensors(kind: str, tensors: object) -> str:
    import onnx

    told = []
    for tensor in tensors:  # ty: ignore[not-iterable]
        own = tensor.type.tensor_type
        word = onnx.TensorProto.DataType.Name(own.elem_type)
        if word not in _TYPES:
            raise UserError(f"Triton has no tensors of {word}. Found {tensor.name!r}. Fix: serve the file itself")
        # An axis without a number may have any length.
        sizes = [str(axis.dim_value) if axis.dim_value else "-1" for axis in own.shape.dim[1:]]
        shape = f"dims: [ {', '.join(sizes)} ]" if sizes else "dims: [ 1 ] reshape: { shape: [ ] }"
        told.append(f'  {{ name: "{tensor.name}" data_type: {_TYPES[word]} {shape} }}')
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
