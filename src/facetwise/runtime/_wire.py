"""What an ONNX file holds, read from its bytes before any library is let near it.

Protocol buffers are (tag, value) pairs, a tag being field number and kind of value; see
https://protobuf.dev/programming-guides/encoding. The field numbers are those of onnx.proto (IR version 10).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from facetwise.errors import BundleError

__all__ = ["Contents", "read_contents"]

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
# A varint of 64 bits has ten bytes.
_LONGEST_VARINT = 10
# Subgraphs within subgraphs; ours have none.
_DEEPEST = 8

# Fields of ModelProto.
_GRAPH, _METADATA, _FUNCTIONS = 7, 14, 25
# Of a graph, a node, an attribute and a tensor: the fields that lead to tensors, and the kind of what they hold.
_INSIDE = {
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_NODE_DOMAIN = 7
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
# Operators that come with ONNX Runtime; any other domain is code of somebody else's.
_DOMAINS = {b"", b"ai.onnx", b"com.microsoft"}


@dataclass(frozen=True)
class Contents:
    """Metadata by key, and the SHA-256 of the bytes of the graph."""

    metadata: dict[str, str]
    graph: str


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(_LONGEST_VARINT):
        if place >= len(data):
            raise ValueError("it ends within a number")
        byte = data[place]
        value |= (byte & 0x7F) << (7 * shift)
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError("a number is longer than ten bytes")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of a message.

    Raises:
        ValueError: It is no message, or it ends too early.
    """
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(data, place)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"a field has kind {kind}, which protocol buffers do not have")
        if place + size > len(data):
            raise ValueError("it is cut short")
        yield number, data[place : place + size]
        place += size


def _part(value: int | memoryview, what: str) -> memoryview:
    if isinstance(value, int):
        raise ValueError(f"{what} is a number")
    return value


def _check(data: memoryview, kind: str, depth: int = 0) -> None:
    """Refuse what points outside the file, and operators that ONNX Runtime does not have."""
    if depth > _DEEPEST:
        raise ValueError("graphs are nested deeper than ours are")
    inside = _INSIDE[kind]
    for number, value in _fields(data):
        if kind == "tensor" and (number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0)):
            raise BundleError("it keeps numbers in another file")
        if kind == "node" and number == _NODE_DOMAIN and bytes(_part(value, "a domain")) not in _DOMAINS:
            raise BundleError(f"it uses operators of {bytes(_part(value, 'a domain'))[:40]!r}")
        if number in inside:
            _check(_part(value, kind), inside[number], depth + (inside[number] == "graph"))


def read_contents(data: bytes) -> Contents:
    """Check an ONNX file and read its metadata.

    Raises:
        BundleError: It is no ONNX file, is cut short, reads other files, or brings operators of its own. The message
            completes "NAME was refused: ".
    """
    metadata: dict[str, str] = {}
    graph = None
    try:
        for number, value in _fields(memoryview(data)):
            if number == _METADATA:
                entry = {key: bytes(_part(told, "metadata")) for key, told in _fields(_part(value, "metadata"))}
                metadata[entry.get(1, b"").decode("utf-8")] = entry.get(2, b"").decode("utf-8")
            elif number == _FUNCTIONS:
                raise BundleError("it brings operators of its own")
            elif number == _GRAPH:
                if graph is not None:
                    raise ValueError("it has two graphs")
                graph = _part(value, "the graph")
                _check(graph, "graph")
    except ValueError as error:
        raise BundleError(f"it is no whole ONNX file: {error}") from error
    if graph is None:
        raise BundleError("it is no ONNX file: it has no graph")
    return Contents(metadata, hashlib.sha256(graph).hexdigest())
