"""A bundle as one ONNX file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.decisions import policy_to_dict
from facetwise.errors import UserError
from facetwise.features import export_graph
from facetwise.images import policy_version
from facetwise.inference._bundle import Bundle
from facetwise.inference._predictor import Predictor
from facetwise.inference.exporting._decided import weave_decisions
from facetwise.inference.exporting._network import Network, network_graph
from facetwise.inference.exporting._places import Places
from facetwise.inference.exporting._precision import Calibrating, lowered
from facetwise.inference.exporting._scores import weave_applies, weave_scores
from facetwise.inference.exporting._stitch import joined, whole_graph
from facetwise.inference.exporting._votes import weave_votes
from facetwise.inference.exporting._weave import Weave
from facetwise.models.backbones import Backbone
from facetwise.runtime import LOGITS, METADATA_KEY, VOTES, Facts, Precision, facts_text
from facetwise.schema import schema_digest

__all__ = ["check_exportable", "facts_of", "network_of", "onnx_file"]

REPRESENTATION = "representation"


def check_exportable(bundle: Bundle, *, features_only: bool) -> None:
    """Refuse what one file cannot hold.

    Raises:
        UserError: The run was trained on given features, or on several pictures per item, or it has rules between
            attributes, or classes that were learnt afterwards.
    """
    if not features_only and bundle.backbone["name"] is None:
        raise UserError("this run was trained on given features: there is no backbone. Fix: add --features-only")
    if bundle.schema.rules or (bundle.policy is not None and bundle.policy.rules):
        raise UserError(
            "one exported file decides every attribute by itself. Found rules between attributes. "
            "Fix: train with rules=declared and none in the schema"
        )
    if bundle.policy.hierarchy != "off" and any(one.parent is not None for one in bundle.schema.attributes):
        raise UserError(
            "one exported file decides every attribute by itself. Found parents and children that are decided together "
            f"(hierarchy: {bundle.policy.hierarchy}). Fix: train with hierarchy=off, or answer with `facetwise predict`"
        )
    if bundle.learnt:
        raise UserError(
            f"one exported file has the classes of its network. Found {len(bundle.learnt)} learnt afterwards. "
            "Fix: export the run that they were added to, or train again with them"
        )
    if bundle.model.get("views") == "attention":
        raise UserError(
            "one exported file reads one picture per item. Found a run whose attributes choose among several pictures "
            "of an item. Fix: train with one image column"
        )
    if not features_only and len(bundle.schema.images) > 1:
        raise UserError(
            f"one exported file reads one picture per item. Found {len(bundle.schema.images)} columns of pictures. "
            "Fix: add --features-only, and give it the mean of the features of each item's pictures"
        )


def network_of(predictor: Predictor, *, skip: int = 0) -> Network:
    """The trained model with its standardiser."""
    return Network(predictor.model, predictor.bundle.standardizer, skip=skip)


def onnx_file(
    predictor: Predictor,
    *,
    backbone: Backbone | None,
    cache: Path,
    precision: Precision = "fp32",
    calibrating: Calibrating | None = None,
) -> bytes:
    """One file from uint8 RGB pixels at model size (batch, row, column, channel) to decisions.

    Args:
        predictor: The trained model, ready to answer.
        backbone: What describes pictures; None: the file reads its features.
        cache: Folder where the backbone's own graph is kept.
        precision: Of the backbone; without one, of nothing.
        calibrating: For int8: pixels of training pictures, in batches.

    Raises:
        UserError: The file would not fit into 2 GiB.
    """
    import onnx

    bundle = predictor.bundle
    skip = 0
    if backbone is not None:
        skip = backbone.width - len(bundle.standardizer.mean)  # "last" are the last columns
    model, names = network_graph(network_of(predictor, skip=skip)), (LOGITS, REPRESENTATION)
    reads = "features"
    if backbone is not None:
        described = onnx.load(export_graph(backbone, cache))
        model = joined(lowered(described, precision, calibrating), model)
        reads = "pixels"
    outputs = [output.name for output in model.graph.output]
    tail, output_names = _tail(bundle)
    made = whole_graph(model, tail, reads=reads, renamed=dict(zip(outputs, names, strict=True)))
    facts = facts_of(bundle, backbone, precision, output_names)
    text = facts_text(facts, hashlib.sha256(made.graph.SerializeToString(deterministic=True)).hexdigest())
    made.metadata_props.add(key=METADATA_KEY, value=text)
    return made.SerializeToString(deterministic=True)


def facts_of(bundle: Bundle, backbone: Backbone | None, precision: Precision, outputs: dict[str, list[str]]) -> Facts:
    """Everything between logits and answers."""
    neighbours = bundle.neighbours
    return Facts(
        schema=bundle.schema, scales=bundle.scales, thresholds=bundle.thresholds, policy=bundle.policy,
        shares={} if neighbours is None else dict(neighbours.shares),
        size=0 if backbone is None else backbone.preprocessing.size,
        fit="squash" if backbone is None else backbone.preprocessing.fit,
        images="" if backbone is None else policy_version(draft=False),
        width=len(bundle.standardizer.mean), precision=precision, about=_about(bundle, outputs),
    )  # fmt: skip


def _tail(bundle: Bundle) -> tuple[Weave, dict[str, list[str]]]:
    """Everything behind logits and representation, which are outputs themselves."""
    tail, places, neighbours = Weave("t."), Places(bundle.schema), bundle.neighbours
    layout = places.layout
    tail.output(LOGITS, np.float32, layout.num_logits)
    tail.output(REPRESENTATION, np.float32, "width")
    votes, numbers, shares = None, {}, {}
    if neighbours is not None and neighbours.shares:
        shares = dict(neighbours.shares)
        packed, numbers = weave_votes(tail, places, bundle.scales, neighbours, REPRESENTATION)
        votes = tail("Identity", packed, name=VOTES)
        tail.output(VOTES, np.float32, layout.num_scores)
    scores = weave_scores(tail, places, bundle.scales, LOGITS, votes, numbers, shares)
    applies = weave_applies(tail, places, LOGITS, scores)
    return tail, weave_decisions(tail, places, bundle.thresholds, bundle.policy, scores, applies)


def _about(bundle: Bundle, outputs: dict[str, list[str]]) -> dict[str, Any]:
    """For people, and to tell the files of two runs apart."""
    columns = {attribute.id: attribute for attribute in bundle.schema.attributes}
    policy = policy_to_dict(bundle.policy)
    told = json.dumps([schema_digest(bundle.schema), policy, bundle.thresholds], sort_keys=True)
    neighbours = bundle.neighbours
    return {
        "facetwise": bundle.facetwise,
        "decisions": hashlib.sha256(told.encode()).hexdigest(),
        "backbone": dict(bundle.backbone),
        "model": dict(bundle.model),
        "metrics": dict(bundle.metrics),
        "data": dict(bundle.data),
        "neighbours": 0 if neighbours is None else len(neighbours),
        "outputs": {
            key: {
                "column": columns[key].column, "kind": str(columns[key].kind), "classes": list(columns[key].classes),
                "thresholds": list(bundle.thresholds.get(key, ())), "goal": bundle.policy.goals.get(key, "f1"),
                "names": names,
            }
            for key, names in outputs.items()
        },
    }  # fmt: skip
