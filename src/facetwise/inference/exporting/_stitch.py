"""Several graphs, one after the other, as one."""

from typing import TYPE_CHECKING

from facetwise.errors import UserError
from facetwise.inference.exporting._weave import OPSET, Weave

if TYPE_CHECKING:
    import onnx

__all__ = ["joined", "whole_graph"]

# Protocol buffers cannot hold 2 GiB; what the metadata adds stays below this distance.
_LARGEST = (1 << 31) - (1 << 25)


def _prefixed(model: "onnx.ModelProto", prefix: str) -> "onnx.ModelProto":
    """A copy whose names meet no others; its opset is the one that all parts share."""
    from onnx import compose, version_converter

    found = {entry.domain: entry.version for entry in model.opset_import}
    if found.get("", OPSET) != OPSET:
        model = version_converter.convert_version(model, OPSET)
    return compose.add_prefix(model, prefix)


def joined(first: "onnx.ModelProto", second: "onnx.ModelProto") -> "onnx.ModelProto":
    """What `second` makes of the one output of `first`: `pixels` to `logits` and `representation`."""
    from onnx import compose, helper

    one, two = _prefixed(first, "backbone."), _prefixed(second, "network.")
    one.ir_version = two.ir_version = max(one.ir_version, two.ir_version)
    told, read = one.graph.output[0].name, two.graph.input[0].name
    model = compose.merge_models(one, two, io_map=[(told, read)])
    model.ir_version = one.ir_version
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    return model


def whole_graph(model: "onnx.ModelProto", tail: Weave, *, reads: str, renamed: dict[str, str]) -> "onnx.ModelProto":
    """A network with the decisions behind it.

    Args:
        model: One input, and the outputs that `renamed` names.
        tail: What is made of them; it has outputs of its own.
        reads: The name that the input gets.
        renamed: Output of the model → the name that `tail` reads it by.

    Raises:
        UserError: The file would not fit into 2 GiB.
    """
    from onnx import helper

    old = model.graph.input[0].name
    names = {old: reads, **renamed}
    nodes = []
    for node in model.graph.node:
        copy = type(node)()
        copy.CopyFrom(node)
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output]
        nodes.append(copy)
    given = model.graph.input[0]
    shape = [dim.dim_value for dim in given.type.tensor_type.shape.dim][1:]
    entry = helper.make_tensor_value_info(reads, given.type.tensor_type.elem_type, ["batch", *shape])
    graph = helper.make_graph(
        [*nodes, *tail.nodes], "facetwise", [entry], tail.outputs,
        initializer=[*model.graph.initializer, *tail.constants],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[*model.opset_import], ir_version=model.ir_version)
    made.producer_name = "facetwise"
    if made.ByteSize() > _LARGEST:
        raise UserError(
            f"one ONNX file holds at most 2 GiB. Found {made.ByteSize():,} bytes of weights and neighbours. "
            "Fix: export with --features-only, or --precision fp16, or train with neighbours=false"
        )
    return made
