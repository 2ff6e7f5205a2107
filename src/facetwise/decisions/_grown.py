"""An attribute that joins later: labels of the neighbours, a part of the policy, and a digest of what is answered."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from facetwise.decisions._calibration import Calibration
from facetwise.decisions._decisions import Decisions
from facetwise.decisions._neighbours import Neighbours, gather
from facetwise.decisions._policy import Policy
from facetwise.schema import Labels, Schema, alone

__all__ = ["answers_digest", "grow_labels", "grow_neighbours", "grow_policy", "labels_of"]


def labels_of(schema: Schema, identity: str, labels: Labels) -> Labels:
    """The labels of one attribute, as `alone` lays them out."""
    place = next(place for place, attribute in enumerate(schema.attributes) if attribute.id == identity)
    own = labels.members[:, schema.layout().blocks[place].scores]
    return Labels(
        state=labels.state[:, [place]],
        index=labels.index[:, [place]],
        members=own if any(labels.members.strides) else Labels.no_members(len(labels), own.shape[1]),
        number=labels.number[:, [place]],
    )


def grow_labels(old: Labels, added: Labels) -> Labels:
    """Labels of some items, and beside them those of one more attribute, which is the schema's last."""
    members = Labels.no_members(len(old), old.members.shape[1] + added.members.shape[1])
    if any(old.members.strides) or any(added.members.strides):
        members = np.concatenate([old.members, added.members], axis=1)
    return Labels(
        state=np.concatenate([old.state, added.state], axis=1),
        index=np.concatenate([old.index, added.index], axis=1),
        members=members,
        number=np.concatenate([old.number, added.number], axis=1),
    )


def grow_neighbours(schema: Schema, identity: str, neighbours: Neighbours, labels: Labels) -> Neighbours:
    """The same rows with the same keys, labelled with one attribute more; no share of it yet.

    What the old attributes read of them stays to the bit: keys, centre, weights, and who is near.

    Args:
        schema: The grown one; the attribute is its last.
        identity: Id of the attribute.
        neighbours: Labelled by the schema before.
        labels: Of the attribute alone, one entry per neighbour.
    """
    fresh = gather(alone(schema, identity), neighbours.keys, labels, neighbours.images, seed=0, most=len(neighbours))
    return replace(
        neighbours,
        labels=grow_labels(neighbours.labels, labels),
        weight=np.concatenate([neighbours.weight, fresh.weight]),
    )


def grow_policy(old: Policy, fitted: Policy, identity: str) -> Policy:
    """The old policy, and of a newly fitted one what it says of one attribute."""

    def grown(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        return {**before, **({identity: after[identity]} if identity in after else {})}

    calibration = Calibration(
        **{
            name: grown(getattr(old.calibration, name), getattr(fitted.calibration, name))
            for name in ("temperatures", "labels", "applies", "tops", "shifts")
        }
    )
    parts = ("least", "shares", "goals", "conformal", "flags")
    return replace(
        old,
        calibration=calibration,
        **{name: grown(getattr(old, name), getattr(fitted, name)) for name in parts},
    )


def answers_digest(schema: Schema, decisions: Decisions, identities: frozenset[str]) -> str:
    """SHA-256 of everything that is said of some attributes: scores, chances, states, values, confidences.

    Args:
        schema: That the decisions are laid out by.
        decisions: Of some items.
        identities: Ids of the attributes.
    """
    digest = hashlib.sha256()
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        if attribute.id not in identities:
            continue
        digest.update(attribute.id.encode())
        for name in ("scores", "chances", "members"):
            digest.update(np.ascontiguousarray(getattr(decisions, name)[:, block.scores]).tobytes())
        for name in ("applies", "state", "index", "number", "confidence"):
            digest.update(np.ascontiguousarray(getattr(decisions, name)[:, place]).tobytes())
    return digest.hexdigest()
