"""What an exported file says about itself: everything between its logits and an answer, as data in its metadata."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from facetwise.decisions import (
    NumberScale,
    Policy,
    check_thresholds,
    policy_from_dict,
    policy_to_dict,
    scales_from_dict,
    scales_to_dict,
)
from facetwise.errors import BundleError, FacetwiseError
from facetwise.images import FIT_MODES, FitMode
from facetwise.runtime._wire import Contents
from facetwise.schema import Schema, schema_from_dict, schema_to_dict

__all__ = ["FILE_FORMAT", "METADATA_KEY", "Facts", "Precision", "facts_from", "facts_text"]

# Major version of what stands in the metadata; a reader refuses any other.
FILE_FORMAT = 1
METADATA_KEY = "facetwise"
# The largest picture that a file may ask for: 16 times the side of the usual one.
_LARGEST_SIDE = 4096

Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The meaning of a file.

    Args:
        schema: The vocabulary; outputs are named by the ids of its attributes.
        scales: Per numeric attribute id how it was standardised.
        thresholds: Per attribute id the thresholds of its classes.
        policy: Calibration, abstention, goals, sets.
        shares: Per attribute id how much of the answer is the neighbours' vote, which the graph computes.
        size: Rows and columns of the pictures; 0 where the file reads features.
        fit: How a picture becomes a square of that size.
        images: Version of the decode policy.
        width: Numbers per item where the file reads features.
        precision: Of the backbone.
        about: For people, and for checks against a run: backbone, bundle digest, metrics, versions, outputs.
    """

    schema: Schema
    scales: Mapping[str, NumberScale]
    thresholds: Mapping[str, tuple[float, ...]]
    policy: Policy
    shares: Mapping[str, float]
    size: int
    fit: FitMode
    images: str
    width: int
    precision: Precision
    about: Mapping[str, Any] = field(default_factory=dict)


def facts_text(facts: Facts, graph: str) -> str:
    """The metadata as JSON.

    Args:
        facts: The meaning.
        graph: SHA-256 of the bytes of the graph that it belongs to.
    """
    if facts.size:
        reads = {
            "name": "pixels", "type": "uint8", "shape": ["batch", facts.size, facts.size, 3], "channels": "RGB",
            "size": facts.size, "fit": facts.fit, "images": facts.images,
        }  # fmt: skip
    else:
        reads = {"name": "features", "type": "float32", "shape": ["batch", facts.width], "width": facts.width}
    data = {
        "format": FILE_FORMAT,
        "input": reads,
        "precision": facts.precision,
        "schema": schema_to_dict(facts.schema),
        "scales": scales_to_dict(facts.scales),
        "thresholds": {key: list(values) for key, values in facts.thresholds.items()},
        "decisions": policy_to_dict(facts.policy),
        "shares": dict(facts.shares),
        "about": dict(facts.about),
    }
    return json.dumps({**data, "digest": _digest(data, graph)}, ensure_ascii=False, allow_nan=False)


def _digest(data: Mapping[str, Any], graph: str) -> str:
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(f"{graph}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def facts_from(contents: Contents) -> Facts:
    """The inverse of `facts_text`, every number checked.

    Raises:
        BundleError: Not of ours, of another format, or damaged. The message completes "NAME was refused: ".
    """
    text = contents.metadata.get(METADATA_KEY)
    if text is None:
        raise BundleError("it is an ONNX file without the metadata that `facetwise export` writes")
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FILE_FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise BundleError(f"it has format {found!r}; this version of facetwise reads format {FILE_FORMAT}")
        told = data.pop("digest", None)
        if told != _digest(data, contents.graph):
            raise BundleError("it is not what was exported: the digest differs")
        return _from_data(data)
    except BundleError:
        raise
    except KeyError as error:
        raise BundleError(f"its metadata is damaged: it has no {error}") from error
    except (AttributeError, TypeError, ValueError, RecursionError, FacetwiseError) as error:
        raise BundleError(f"its metadata is damaged: {error}") from error


def _whole(value: Any, what: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise ValueError(f"{what} is a whole number from 1 to {most}. Found {value!r}")
    return value


def _from_data(data: dict[str, Any]) -> Facts:
    schema, reads = schema_from_dict(data["schema"], place="the schema"), data["input"]
    pixels = reads["name"] == "pixels"
    if reads["name"] not in ("pixels", "features"):
        raise ValueError(f"it reads pixels or features. Found {reads['name']!r}")
    if pixels and reads["fit"] not in FIT_MODES:
        raise ValueError(f"pictures are fitted by one of {', '.join(FIT_MODES)}. Found {reads['fit']!r}")
    if data["precision"] not in get_args(Precision):
        raise ValueError(f"its precision is one of {', '.join(get_args(Precision))}. Found {data['precision']!r}")
    known = {attribute.id for attribute in schema.attributes}
    shares = {key: float(value) for key, value in data["shares"].items()}
    if not all(key in known and 0.0 < value <= 1.0 for key, value in shares.items()):
        raise ValueError("the shares of the neighbours are above 0 and at most 1, by attribute")
    return Facts(
        schema=schema,
        scales=scales_from_dict(schema, data["scales"]),
        thresholds=check_thresholds(schema, data["thresholds"]),
        policy=policy_from_dict(schema, data["decisions"]),
        shares=shares,
        size=_whole(reads["size"], "the size", _LARGEST_SIDE) if pixels else 0,
        fit=cast("FitMode", reads["fit"]) if pixels else "squash",
        images=str(reads["images"]) if pixels else "",
        width=0 if pixels else _whole(reads["width"], "the width", 1 << 30),
        precision=data["precision"],
        about=dict(data["about"]),
    )
