"""The bundle of a run with an attribute more: its model beside the old one, and what is decided about it."""

from dataclasses import replace

import numpy as np

from facetwise.config import Config
from facetwise.decisions import fit_policy, fit_shares, grow_neighbours, grow_policy, labels_of, scores_from_logits
from facetwise.inference import Bundle, Predictor
from facetwise.schema import UNKNOWN, Labels
from facetwise.training import Assembled, Prepared

__all__ = ["decide_addition", "join_addition"]


def join_addition(
    bundle: Bundle, prepared: Prepared, identity: str, made: Assembled, tensors: dict[str, np.ndarray], config: Config
) -> Bundle:
    """The old bundle and the new model, still without what is decided on validation rows."""
    before = list(bundle.model.get("added", ()))
    part = {
        "attribute": identity, "trunk": config.trunk.model_dump(), "head": config.head.model_dump(),
        "depth": config.depth, "even_reach": True, "views": "attention" if prepared.features.ndim == 3 else "mean",
        "beside": made.model.beside is not None,
    }  # fmt: skip
    return replace(
        bundle,
        schema=prepared.schema,
        tensors={**bundle.tensors, **{f"added.{len(before)}.{name}": array for name, array in tensors.items()}},
        model={**bundle.model, "added": [*before, part]},
        scales={**bundle.scales, **made.scales},
        data={**bundle.data, "added": {**bundle.data.get("added", {}), identity: prepared.content}},
    )


def _known_neighbours(bundle: Bundle, prepared: Prepared, identity: str) -> Labels:
    """What the table says of the attribute about the rows that vote.

    A neighbour is known by the name of its picture; where several training rows have that name, they have to agree.
    """
    assert bundle.neighbours is not None
    train = prepared.split.rows("train")
    names = np.array(prepared.images(), dtype=object)[train]
    labels = labels_of(prepared.schema, identity, prepared.labels.take(train))
    cells = [
        (int(s), int(i), m.tobytes(), repr(n))
        for s, i, m, n in zip(labels.state[:, 0], labels.index[:, 0], labels.members, labels.number[:, 0], strict=True)
    ]
    rows: dict[str, int] = {}
    for place, name in enumerate(names):
        first = rows.setdefault(name, place)
        if first >= 0 and cells[first] != cells[place]:
            rows[name] = -1
    fresh = len(bundle.neighbours) - bundle.learnt_rows
    chosen = np.array(
        [rows.get(name, -1) if place < fresh else -1 for place, name in enumerate(bundle.neighbours.images)],
        dtype=np.int64,
    )
    known = labels.take(np.maximum(chosen, 0))
    lost = chosen < 0
    state = np.where(lost[:, None], UNKNOWN, known.state).astype(np.int8)
    members = known.members
    if any(members.strides):
        members = np.where(lost[:, None], 0, members).astype(np.uint8)
    return Labels(
        state=state, index=np.where(lost[:, None], -1, known.index).astype(np.int32), members=members,
        number=np.where(lost[:, None], np.nan, known.number),
    )  # fmt: skip


def decide_addition(
    predictor: Predictor, prepared: Prepared, identity: str, made: Assembled, config: Config
) -> Predictor:
    """The vote of the neighbours, thresholds and everything else for the new attribute; the old ones keep theirs."""
    bundle, schema = predictor.bundle, prepared.schema
    val = made.sides["val"]
    neighbours = bundle.neighbours
    if neighbours is not None:
        neighbours = grow_neighbours(schema, identity, neighbours, _known_neighbours(bundle, prepared, identity))
        counted = val if prepared.weights is None else val[prepared.weights[val] > 0]
        logits, representation = predictor.read(prepared.features[counted])
        if not bundle.learnt:
            scores = scores_from_logits(schema, bundle.scales, logits)[0].astype(np.float64)
            labels = prepared.labels.take(counted)
            votes = neighbours.votes(schema, bundle.scales, representation)
            share = fit_shares(schema, bundle.scales, scores, votes, labels).get(identity)
            neighbours = replace(neighbours, shares={**neighbours.shares, **({identity: share} if share else {})})
        bundle = replace(bundle, neighbours=neighbours)
        predictor = Predictor(bundle, model=predictor.model)
    scores, applies = predictor.scores(prepared.features[val])
    thresholds, policy = fit_policy(
        schema, scores, applies, prepared.labels.take(val), prepared.labels.take(made.sides["train"]),
        goal=config.goal, goals=config.goals, risk=config.goal_risk, tune=config.tune_thresholds,
        calibration=config.calibration, sets=config.sets, coverage=config.coverage,
    )  # fmt: skip
    own = {identity: thresholds[identity]} if identity in thresholds else {}
    decided = replace(
        bundle, thresholds={**bundle.thresholds, **own}, policy=grow_policy(bundle.policy, policy, identity)
    )
    return Predictor(decided, model=predictor.model)
