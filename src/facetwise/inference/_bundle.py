"""The bundle: a trained model and everything it means, as data only."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from facetwise.config import Component
from facetwise.decisions import (
    Neighbours,
    NumberScale,
    Policy,
    check_thresholds,
    policy_from_dict,
    policy_to_dict,
    scales_from_dict,
    scales_to_dict,
)
from facetwise.errors import BundleError
from facetwise.features import Standardizer
from facetwise.inference._atomic import tensors_as_bytes, write_json, write_tensors
from facetwise.inference._neighbours_file import neighbours_from_tensors, neighbours_to_tensors
from facetwise.schema import Schema, schema_from_dict, schema_to_dict

__all__ = ["FORMAT", "NETWORK", "Bundle", "network_digest", "read_bundle", "write_bundle"]

# Major version of the format. A reader brings older ones up by `_MIGRATIONS`, and refuses newer ones.
FORMAT = 1
# Format n → what makes format n + 1 of its data, so that a bundle once written can always be read.
_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
HEADS, NEIGHBOURS, NETWORK = "heads.safetensors", "neighbours.safetensors", "backbone.safetensors"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What leaves the training machine.

    Args:
        schema: The vocabulary.
        tensors: Parameters of the model by name.
        standardizer: How features are read.
        scales: Per numeric attribute id how it was standardised.
        thresholds: Per attribute id the thresholds of its classes.
        policy: Calibration, abstention, sets and intervals; bundles from before it have an empty one.
        neighbours: Training rows that vote beside the network; None where they were not asked for.
        model: adapters (none in early bundles), trunk, head, depth and views (their mean in early bundles), as
            configured; whether the levels of depth have an even reach (not in early bundles); "added": the same of
            every attribute that was added later, in order, by its id, and whether it reads the representation of the
            model before it ("beside").
        levels: "all" or "last".
        backbone: Component, weights digest, licence, preprocessing and decode policy: features of another backbone
            are refused.
        learnt: Per attribute id how many of its last classes the network does not know: learnt from a few pictures.
        learnt_rows: How many of the last neighbours these pictures are.
        network: Parameters and buffers of a backbone that was fine-tuned (`mode: embedded`); None where the weights
            of the backbone are its published ones.
        metrics: Test or validation metrics of the run, for people.
        facetwise: Version that wrote it.
        data: What it was trained on: digest of the rows kept and of their pictures, and how many rows each side has;
            nothing in early bundles.
    """

    schema: Schema
    tensors: dict[str, np.ndarray]
    standardizer: Standardizer
    scales: dict[str, NumberScale]
    thresholds: dict[str, tuple[float, ...]]
    model: dict[str, Any]
    levels: str
    backbone: dict[str, Any]
    facetwise: str
    policy: Policy = field(default_factory=Policy)
    neighbours: Neighbours | None = None
    learnt: Mapping[str, int] = field(default_factory=dict)
    learnt_rows: int = 0
    network: Mapping[str, np.ndarray] | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def backbone_component(self) -> Component:
        """The backbone as the configuration names it."""
        return Component(name=self.backbone["name"], options=self.backbone["options"])


def network_digest(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the file that a bundle keeps a fine-tuned backbone in."""
    return hashlib.sha256(tensors_as_bytes(tensors)).hexdigest()


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write `heads.safetensors`, `neighbours.safetensors` where there are any, then `bundle.json` with the digests."""
    tensors = {f"model.{name}": array for name, array in bundle.tensors.items()}
    tensors["standardizer.mean"] = bundle.standardizer.mean
    tensors["standardizer.deviation"] = bundle.standardizer.deviation
    write_tensors(folder / HEADS, tensors)
    files = [HEADS]
    if bundle.neighbours is not None:
        write_tensors(folder / NEIGHBOURS, neighbours_to_tensors(bundle.neighbours))
        files.append(NEIGHBOURS)
    if bundle.network is not None:
        write_tensors(folder / NETWORK, bundle.network)
        files.append(NETWORK)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    data = {
        "format": FORMAT,
        "facetwise": bundle.facetwise,
        "schema": schema_to_dict(bundle.schema),
        "backbone": bundle.backbone,
        "levels": bundle.levels,
        "standardizer": {
            "levels": list(bundle.standardizer.levels),
            "l2_normalize": bundle.standardizer.l2_normalize,
        },
        "model": bundle.model,
        "scales": scales_to_dict(bundle.scales),
        "thresholds": {key: list(values) for key, values in bundle.thresholds.items()},
        "decisions": policy_to_dict(bundle.policy),
        "shares": {} if bundle.neighbours is None else dict(bundle.neighbours.shares),
        # An older facetwise must not read such a bundle: its network has fewer classes than the schema.
        **({"learnt": dict(bundle.learnt), "learnt_rows": bundle.learnt_rows} if bundle.learnt else {}),
        "metrics": bundle.metrics,
        "data": bundle.data,
        "files": digests,
    }
    write_json(folder / "bundle.json", {**data, "digest": _own_digest(data)})


def _own_digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of the description without its digest, keys in order."""
    rest = {key: value for key, value in data.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle.

    Raises:
        BundleError: Not a bundle, of another format, or damaged; one line says which.
    """
    try:
        data = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        files = {name: (folder / name).read_bytes() for name in _named(data)}
    except OSError as error:
        raise BundleError(f"{folder} is not a bundle: {error.strerror}: {error.filename}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / 'bundle.json'} is damaged: {error}") from error
    told, data = data, _current(folder, data)
    try:
        bundle = _from_parts(folder, data, files)
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{folder / 'bundle.json'} is damaged: {what}") from error
    # Early bundles have no digest of their own.
    if "digest" in told and told["digest"] != _own_digest(told):
        raise BundleError(f"{folder / 'bundle.json'} is not what was written: the digest differs")
    return bundle


def _current(folder: Path, data: Any) -> dict[str, Any]:
    """The description in the format of this version.

    Raises:
        BundleError: It is of a later one, or of none.
    """
    found = data.get("format") if isinstance(data, dict) else type(data).__name__
    while isinstance(found, int) and not isinstance(found, bool) and found in _MIGRATIONS:
        data = _MIGRATIONS[found](data)
        found = data["format"]
    if found != FORMAT or isinstance(found, bool):
        later = isinstance(found, int) and found > FORMAT
        fix = "install a later version of facetwise" if later else "name the bundle of a run"
        raise BundleError(f"{folder} has format {found!r}; this version of facetwise reads format {FORMAT}. Fix: {fix}")
    return data


def _named(data: Any) -> list[str]:
    """The files beside `bundle.json` that it describes, of those that a bundle can have."""
    told = data.get("files") if isinstance(data, dict) else None
    return [HEADS, *(name for name in (NEIGHBOURS, NETWORK) if isinstance(told, dict) and name in told)]


def _from_parts(folder: Path, data: dict[str, Any], files: dict[str, bytes]) -> Bundle:
    for name, raw in files.items():
        if hashlib.sha256(raw).hexdigest() != data["files"][name]:
            raise BundleError(f"{folder / name} is not the file that bundle.json describes: the digest differs")
    tensors = load(files[HEADS])
    schema = schema_from_dict(data["schema"], place=str(folder / "bundle.json"))
    return Bundle(
        schema=schema,
        tensors={name.removeprefix("model."): array for name, array in tensors.items() if name.startswith("model.")},
        standardizer=Standardizer(
            mean=tensors["standardizer.mean"],
            deviation=tensors["standardizer.deviation"],
            levels=tuple(data["standardizer"]["levels"]),
            l2_normalize=data["standardizer"]["l2_normalize"],
        ),
        scales=scales_from_dict(schema, data["scales"]),
        thresholds=check_thresholds(schema, data["thresholds"]),
        policy=policy_from_dict(schema, data.get("decisions")),
        neighbours=neighbours_from_tensors(schema, load(files[NEIGHBOURS]), data["shares"])
        if NEIGHBOURS in files
        else None,
        learnt=_learnt(schema, data),
        learnt_rows=int(data.get("learnt_rows", 0)),
        network=load(files[NETWORK]) if NETWORK in files else None,
        model=_model(schema, data["model"]),
        levels=data["levels"],
        backbone=data["backbone"],
        metrics=data["metrics"],
        data=dict(data.get("data", {})),
        facetwise=data["facetwise"],
    )


def _model(schema: Schema, data: dict[str, Any]) -> dict[str, Any]:
    """How the model is built; attributes that were added later are the schema's, and not all of it."""
    named = [one["attribute"] for one in data.get("added", ())]
    known = {attribute.id for attribute in schema.attributes}
    if len(set(named)) < len(named) or not set(named) < known:
        raise ValueError(f"attributes that were added are some of the schema's. Found {named}")
    return data


def _learnt(schema: Schema, data: dict[str, Any]) -> dict[str, int]:
    """Per attribute id how many classes were learnt; none in most bundles."""
    sizes = {attribute.id: len(attribute.classes) for attribute in schema.attributes}
    found = data.get("learnt", {})
    for key, count in found.items():
        if key not in sizes or not isinstance(count, int) or not 0 < count < sizes[key]:
            raise ValueError(f"learnt[{key!r}] is a number of the attribute's classes. Found {count!r}")
    if found and NEIGHBOURS not in data["files"]:
        raise ValueError("classes that were learnt from pictures need the neighbours, and it has none")
    return dict(found)
