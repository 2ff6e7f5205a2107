"""A backbone's graph in fewer bits."""

import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetwise.errors import UserError
from facetwise.runtime import Precision

if TYPE_CHECKING:
    import onnx

__all__ = ["Calibrating", "lowered"]

# Batches of pixels (picture, row, column, 3), uint8.
Calibrating = Iterator[np.ndarray]

# What a picture is normalised and pooled by stays in float32: sums over thousands of positions, and squares of values
# in the hundreds, leave float16.
_SUMS = [
    "ReduceMean",
    "ReduceSum",
    "ReduceL2",
    "Pow",
    "Sqrt",
    "Cast",
    "LayerNormalization",
    "Softmax",
    "Range",
    "Resize",
]
# Where the products are.
_PRODUCTS = ["Conv", "MatMul", "Gemm"]


def lowered(model: "onnx.ModelProto", precision: Precision, calibrating: Calibrating | None) -> "onnx.ModelProto":
    """The graph with its products in float16, or in int8 with float32 around them (static QDQ, per channel).

    Raises:
        UserError: int8 without pictures to calibrate on.
    """
    if precision == "fp16":
        return _half(model)
    if precision == "int8":
        if calibrating is None:
            raise UserError("int8 is calibrated on training pictures. Found none. Fix: export where the pictures are")
        return _eight_bits(model, calibrating)
    return model


def _half(model: "onnx.ModelProto") -> "onnx.ModelProto":
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made = convert_float_to_float16(model, keep_io_types=True, op_block_list=_SUMS)
    _sort(made.graph)
    return made


def _sort(graph: "onnx.GraphProto") -> None:
    """Every node behind those that it reads from; the converter puts its casts anywhere."""
    known = {"", *(value.name for value in (*graph.input, *graph.initializer))}
    left, ordered = list(graph.node), []
    while left:
        ready = [node for node in left if known.issuperset(node.input)]
        assert ready, "a graph has no circles"
        names = {output for node in ready for output in node.output}
        known |= names
        ordered += ready
        left = [node for node in left if not names.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(ordered)


def _eight_bits(model: "onnx.ModelProto", calibrating: Calibrating) -> "onnx.ModelProto":
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    name = model.graph.input[0].name

    class Batches(CalibrationDataReader):
        """One batch after the other."""

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next batch, None at the end."""
            batch = next(calibrating, None)
            return None if batch is None else {name: batch}

    # The quantiser only knows files.
    with tempfile.TemporaryDirectory(prefix="facetwise-int8-") as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(onnx.shape_inference.infer_shapes(model), source)
        logging.disable(logging.WARNING)  # it recommends a preprocessing that torch's exporter has done
        try:
            quantize_static(
                source, target, Batches(), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=_PRODUCTS,
                calibrate_method=CalibrationMethod.MinMax,
            )  # fmt: skip
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(io.BytesIO(target.read_bytes()))
