"""Training rows that vote, as tensors of a file and back."""

import json
from collections.abc import Mapping

import numpy as np

from facetwise.decisions import Neighbours
from facetwise.schema import Labels, Schema

__all__ = ["neighbours_from_tensors", "neighbours_to_tensors"]


def neighbours_to_tensors(neighbours: Neighbours) -> dict[str, np.ndarray]:
    """Every array by its name; the names of the pictures as the bytes of a JSON list."""
    labels, names = neighbours.labels, json.dumps(list(neighbours.images), ensure_ascii=False).encode()
    members = {"members": labels.members} if any(labels.members.strides) else {}
    return {
        "centre": neighbours.centre,
        "keys": neighbours.keys,
        "say": neighbours.say,
        "weight": neighbours.weight,
        "state": labels.state,
        "index": labels.index,
        "number": np.ascontiguousarray(labels.number),
        "images": np.frombuffer(names, dtype=np.uint8),
        **members,
    }


def neighbours_from_tensors(schema: Schema, tensors: Mapping[str, np.ndarray], shares: object) -> Neighbours:
    """The same, checked against the schema.

    Raises:
        ValueError, KeyError: What was read does not fit the schema or itself.
    """
    layout, rows = schema.layout(), len(tensors["keys"])
    attributes = len(schema.attributes)
    members = tensors.get("members", Labels.no_members(rows, layout.num_scores))
    images = json.loads(tensors["images"].tobytes().decode("utf-8"))
    shapes = {
        "centre": (tensors["centre"], (tensors["keys"].shape[1],)), "weight": (tensors["weight"], (layout.num_scores,)),
        "say": (tensors["say"], (rows,)), "state": (tensors["state"], (rows, attributes)),
        "index": (tensors["index"], (rows, attributes)),
        "number": (tensors["number"], (rows, attributes)), "members": (members, (rows, layout.num_scores)),
    }  # fmt: skip
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise ValueError(f"the neighbours' {name} has the shape {array.shape}, not {shape}")
    if not isinstance(images, list) or len(images) != rows or not all(isinstance(name, str) for name in images):
        raise ValueError(f"the neighbours have {rows} names of pictures, one each")
    if not all(np.isfinite(tensors[name]).all() for name in ("centre", "keys", "say", "weight")):
        raise ValueError("the neighbours' numbers are finite")
    sizes = np.array([len(attribute.classes) for attribute in schema.attributes])
    if ((tensors["index"] < -1) | (tensors["index"] >= np.maximum(sizes, 1))).any():
        raise ValueError("the neighbours' classes are those of the schema")
    known = {attribute.id for attribute in schema.attributes}
    if not isinstance(shares, dict) or not all(
        key in known and isinstance(share, float) and 0.0 < share <= 1.0 for key, share in shares.items()
    ):
        raise ValueError("the shares of the neighbours are above 0 and at most 1, by attribute")
    return Neighbours(
        centre=tensors["centre"],
        keys=tensors["keys"],
        labels=Labels(
            state=tensors["state"], index=tensors["index"], members=np.asarray(members), number=tensors["number"]
        ),
        images=tuple(images),
        say=tensors["say"],
        weight=tensors["weight"],
        shares=shares,
    )
