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

# Where the products are; what a picture is normalised and pooled by stays in float32: sums over thousands of positions,
# and squares of values in the hundreds, leave float16.
_PRODUCTS = ["Conv", "MatMul", "Gemm"]
# Of these, the first share stays in float32. They have few of the weights, everything else rests on them, and their
# own descriptors (texture, colour) are read by attributes too. Of the decisions of a fashion catalogue 29 % changed
# with all 49 convolutions of lite0 in int8, 7 % with the last half of them; in float16 the largest difference of a
# probability was 0.065 with all of them, 0.038 without the first 10, 0.016 without the first 20, 0.014 without 40.
FIRST_SHARE = 0.4


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


def _first(model: "onnx.ModelProto") -> set[str]:
    """Outputs of the products that stay in float32."""
    products = [node.output[0] for node in model.graph.node if node.op_type in _PRODUCTS]
    return set(products[: round(FIRST_SHARE * len(products))])


def _half(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Products read and give float16: their weights are kept in it, and what lies between them is float32.

    ONNX Runtime's own converter gives two values one name where several float32 nodes read the same float16 value.
    """
    from onnx import TensorProto, helper, numpy_helper

    made = type(model)()
    made.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    halved: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    first = _first(model)
    for number, node in enumerate(made.graph.node):
        if node.op_type not in _PRODUCTS or node.output[0] in first:
            nodes.append(node)
            continue
        for place, name in enumerate(list(node.input)):
            if name in weights:
                node.input[place] = f"{name}.half"
                if name not in halved:
                    halved.add(name)
                    small = numpy_helper.to_array(weights[name]).astype(np.float16)
                    made.graph.initializer.append(numpy_helper.from_array(small, f"{name}.half"))
            elif name:
                node.input[place] = f"half.{number}.{place}"
                nodes.append(helper.make_node("Cast", [name], [node.input[place]], to=TensorProto.FLOAT16))
        [told] = node.output
        node.output[0] = f"half.{number}.told"
        nodes += [node, helper.make_node("Cast", [node.output[0]], [told], to=TensorProto.FLOAT)]
    ordered = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del made.graph.node[:]
    made.graph.node.extend(ordered)
    read = {name for node in made.graph.node for name in node.input}
    kept = [tensor for tensor in made.graph.initializer if tensor.name in read]
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    del made.graph.value_info[:]  # the shapes are as they were, the types are not
    return made


def _eight_bits(model: "onnx.ModelProto", calibrating: Calibrating) -> "onnx.ModelProto":
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    name, first = model.graph.input[0].name, _first(model)
    kept = [node.name for node in model.graph.node if first.intersection(node.output)]

    class Batches(CalibrationDataReader):
        """One batch after the other."""

        def get_next(self) -> dict[str, np.ndarray] | None:  # ty: ignore[incompatible-method-override]
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
                calibrate_method=CalibrationMethod.MinMax, nodes_to_exclude=kept,
            )  # fmt: skip
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(io.BytesIO(target.read_bytes()))
