"""Pictures, and what is known of them, to answers: what runs on the threads of the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facetwise.decisions import (
    Decisions,
    calibrate,
    contradictions,
    rows_from,
    scores_from_logits,
)
from facetwise.errors import ImageError
from facetwise.images import decode, fit
from facetwise.runtime import LOGITS, VOTES
from facetwise.schema import UNKNOWN, Kind, Labels, Schema
from facetwise.serving._given import Known, labels_of
from facetwise.serving._served import Served

__all__ = ["Piece", "answer_pieces"]

# The trunk's description of an item: what training rows are compared with.
REPRESENTATION = "representation"
# Classes of a vote that are told.
VOTES_TOLD = 3
NEIGHBOURS_MOST = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """One picture of a request.

    Args:
        served: The model that answers.
        data: The picture's file.
        known: Cells that are known, checked.
        sets: Tell sets of classes and intervals of numbers.
        scores: Tell every class's probability.
        evidence: Training rows to tell, most alike first; 0 tells no evidence at all.
    """

    served: Served
    data: bytes = field(repr=False)
    known: Known = field(default_factory=dict)
    sets: bool = False
    scores: bool = False
    evidence: int = 0


def answer_pieces(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Pieces with one model to one row each: `issue` and no cells, or `cells` by column; see `facetwise.serving`.

    Pictures that cannot be read have their own issue and no part in the rest.
    """
    served = pieces[0].served
    rows: list[dict[str, Any]] = [{} for _ in pieces]
    readable: list[int] = []
    pixels: list[np.ndarray] = []
    for place, piece in enumerate(pieces):
        try:
            pixels.append(fit(decode(piece.data), size=served.model.facts.size, mode=served.model.facts.fit))
            readable.append(place)
        except ImageError as problem:
            rows[place] = {"issue": {"reason": problem.reason, "message": str(problem)}, "cells": None}
    if readable:
        told = _answers(served, np.stack(pixels), [pieces[place] for place in readable])
        for place, row in zip(readable, told, strict=True):
            rows[place] = row
    return rows


def _answers(served: Served, pixels: np.ndarray, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    schema, model = served.schema, served.model
    representation = None
    if served.neighbours is not None and any(piece.evidence for piece in pieces):
        names = [LOGITS, REPRESENTATION, *([VOTES] if model.facts.shares else [])]
        raw = model.raw(pixels, names)
        logits, votes, representation = raw[LOGITS], raw.get(VOTES), raw[REPRESENTATION]
    else:
        logits, votes = model.read(pixels)
    given = labels_of(schema, [piece.known for piece in pieces])
    decisions = model.decide_packed(logits, votes, given=given)
    against = None if given is None else _contradicted(served, logits, votes, given)
    known = None if given is None else given.state != UNKNOWN
    nameless = [""] * len(pieces)
    rows, _ = rows_from(
        schema, nameless, [None] * len(pieces), decisions,
        sets_of=model.facts.policy if any(piece.sets for piece in pieces) else None, given=known, contradicted=against,
    )  # fmt: skip
    answers = []
    for item, (piece, row) in enumerate(zip(pieces, rows, strict=True)):
        cells = {a.column: _cell(row[a.column], piece) for a in schema.attributes}
        if piece.scores:
            _add_scores(schema, cells, decisions, item)
        if piece.evidence and votes is not None:
            _add_votes(schema, cells, votes[item], model.facts.shares)
        answer: dict[str, Any] = {"issue": None, "cells": cells}
        if piece.evidence and representation is not None:
            answer["neighbours"] = _neighbours(served, representation[item], piece.evidence)
        answers.append(answer)
    return answers


def _contradicted(served: Served, logits: np.ndarray, votes: np.ndarray | None, given: Labels) -> np.ndarray:
    """(item, attribute) known cells that the picture speaks against."""
    facts = served.model.facts
    scores, applies = scores_from_logits(
        facts.schema, facts.scales, logits, votes=None if votes is None else votes.astype(np.float64),
        shares=None if votes is None else facts.shares,
    )  # fmt: skip
    return contradictions(facts.schema, *calibrate(facts.schema, facts.policy.calibration, scores, applies), given)


def _cell(cell: Any, piece: Piece) -> dict[str, Any]:
    told: dict[str, Any] = {"value": cell.value, "state": cell.state, "confidence": cell.confidence}
    if piece.known:
        told["given"] = cell.given
    if piece.sets:
        told["set"] = None if cell.set is None else list(cell.set)
        told["low"], told["high"] = cell.told("low"), cell.told("high")
    return told


def _add_scores(schema: Schema, cells: dict[str, dict[str, Any]], decisions: Decisions, item: int) -> None:
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        cells[attribute.column] |= {
            "applies": float(decisions.applies[item, place]),
            "scores": [float(x) for x in decisions.scores[item, block.scores]],
            "chances": [float(x) for x in decisions.chances[item, block.scores]],
        }


def _add_votes(
    schema: Schema, cells: dict[str, dict[str, Any]], votes: np.ndarray, shares: Mapping[str, float]
) -> None:
    """What the training pictures that look alike say, where they have a say."""
    for attribute, block in zip(schema.attributes, schema.layout().blocks, strict=True):
        own = votes[block.scores]
        if attribute.id not in shares or attribute.kind is Kind.NUMERIC or not np.isfinite(own).all():
            continue
        best = np.argsort(-own, kind="stable")[:VOTES_TOLD]
        cells[attribute.column]["votes"] = [
            {"class": attribute.classes[k], "share": float(own[k])} for k in best.tolist() if own[k] > 0
        ]


def _neighbours(served: Served, representation: np.ndarray, count: int) -> list[dict[str, Any]]:
    # Only a run has neighbours by name, and where a run is served, this is loaded already.
    from facetwise.inference import evidence_from

    assert served.neighbours is not None
    [found] = evidence_from(served.schema, served.neighbours, representation[None], min(count, NEIGHBOURS_MOST))
    return [{"image": each.image, "cosine": each.cosine, "cells": each.cells} for each in found]
