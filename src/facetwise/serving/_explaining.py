"""Where the answers about one picture come from: the model asked again and again with a part of it hidden."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facetwise.decisions import CELLS, Decisions, Region, passes_for, regions_from
from facetwise.errors import FacetwiseError, ImageError
from facetwise.images import decode, fit, fitted_part
from facetwise.serving._given import Known, labels_of
from facetwise.serving._served import Served

__all__ = ["Question", "explain_questions"]

# Digits of heat that are told: a tenth of what means nothing.
DIGITS = 3


class _AbandonedError(FacetwiseError):
    """Nobody waits for this any more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """One picture whose answers are to be explained.

    Args:
        served: The model that answers.
        data: The picture's file.
        attributes: Columns, checked.
        known: Cells that are known, checked; answers are explained as they are given with these.
        batch: Pictures that go through the model together.
        gone: Set when nobody waits any more: the work ends before its next pass.
    """

    served: Served
    data: bytes = field(repr=False)
    attributes: tuple[str, ...]
    known: Known = field(default_factory=dict)
    batch: int = 1
    gone: threading.Event = field(default_factory=threading.Event)


def explain_questions(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Each to its document without what the request knows; or to its `issue`, where the picture cannot be read."""
    return [_explain(one) for one in questions]


def _explain(question: Question) -> dict[str, Any]:
    schema, model = question.served.schema, question.served.model
    size, mode = model.facts.size, model.facts.fit
    try:
        image = decode(question.data)
    except ImageError as problem:
        return {"issue": {"reason": problem.reason, "message": str(problem)}}
    pixels, box = fit(image, size=size, mode=mode), fitted_part(*image.size, size=size, mode=mode)

    def decided(shown: np.ndarray) -> Decisions:
        logits, votes = [], []
        for start in range(0, len(shown), question.batch):
            if question.gone.is_set():
                raise _AbandonedError("nobody waits for this explanation any more")
            own, vote = model.read(shown[start : start + question.batch])
            logits.append(own)
            votes += [] if vote is None else [vote]
        given = labels_of(schema, [question.known] * len(shown))
        return model.decide_packed(np.concatenate(logits), np.concatenate(votes) if votes else None, given=given)

    places = [schema.index[name] for name in dict.fromkeys(question.attributes)]
    regions = regions_from(schema, pixels, places, decided, calibration=model.facts.policy.calibration)
    return {
        "issue": None, "passes": passes_for(CELLS), "box": [float(edge) for edge in box],
        "regions": {column: _told(region) for column, region in regions.items()},
    }  # fmt: skip


def _told(region: Region) -> dict[str, Any]:
    return {
        "value": region.value, "chance": region.chance, "lowest": region.lowest, "faint": region.faint,
        "heat": [[round(float(one), DIGITS) for one in row] for row in region.heat],
    }  # fmt: skip
