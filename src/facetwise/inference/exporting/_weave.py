"""Nodes and constants of an ONNX graph in the making."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

__all__ = ["OPSET", "Weave"]

# What `torch.onnx.export` writes by default, and what ONNX Runtime has had since 1.17.
OPSET = 20


class Weave:
    """Operators of ONNX opset 20, called like functions on names of values; arrays become constants.

    Args:
        prefix: Of every name, so that they meet no others.

    >>> weave = Weave("t.")
    >>> weave("Add", "x", np.float32([1.0])), len(weave.constants)
    ('t.0.Add', 1)
    """

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._prefix = prefix
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def constant(self, value: np.ndarray | np.generic) -> str:
        """The name of a constant; equal ones are kept once."""
        from onnx import numpy_helper

        value = np.asarray(value, order="C")
        key = (str(value.dtype), value.shape, value.tobytes())
        if key not in self._known:
            self._known[key] = f"{self._prefix}constant{len(self._known)}"
            self.constants.append(numpy_helper.from_array(value, self._known[key]))
        return self._known[key]

    def __call__(
        self, operator: str, *inputs: str | np.ndarray | np.generic, name: str | None = None, **attributes: Any
    ) -> str:
        """One node with one output, whose name is returned."""
        return self._node(operator, inputs, [name or f"{self._prefix}{len(self.nodes)}.{operator}"], attributes)[0]

    def several(
        self, operator: str, *inputs: str | np.ndarray | np.generic, count: int, **attributes: Any
    ) -> list[str]:
        """One node with several outputs."""
        names = [f"{self._prefix}{len(self.nodes)}.{operator}.{number}" for number in range(count)]
        return self._node(operator, inputs, names, attributes)

    def _node(
        self,
        operator: str,
        inputs: Sequence[str | np.ndarray | np.generic],
        names: list[str],
        attributes: dict[str, Any],
    ) -> list[str]:
        from onnx import helper

        given = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.nodes.append(helper.make_node(operator, given, names, name=f"{names[0]}.node", **attributes))
        return names

    def cast(self, value: str, kind: type[np.generic]) -> str:
        """The value as another type."""
        from onnx import helper

        return self("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def columns(self, value: str, start: int, stop: int) -> str:
        """Columns [start, stop) of a matrix."""
        return self.part(value, start, stop, axis=1)

    def part(self, value: str, start: int, stop: int, *, axis: int) -> str:
        """[start, stop) along an axis."""
        return self("Slice", value, np.array([start]), np.array([stop]), np.array([axis]))

    def split(self, value: str, sizes: np.ndarray, names: list[str]) -> None:
        """The columns of a matrix in runs of these sizes, which get these names."""
        self._node("Split", [value, sizes.astype(np.int64)], names, {"axis": 1})

    def total(self, value: str) -> str:
        """(row, 1) sums over the columns."""
        return self("ReduceSum", value, np.array([1]), keepdims=1)

    def output(self, name: str, kind: type[np.generic], *shape: int | str) -> None:
        """Declare that the value of this name is an output `batch` × shape."""
        from onnx import helper

        kind_of = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        self.outputs.append(helper.make_tensor_value_info(name, kind_of, ["batch", *shape]))
