"""Everything that a report is written from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facetwise.decisions import Decisions
from facetwise.reports._thumbnails import Thumbnail
from facetwise.schema import Kind, Labels, Schema

__all__ = ["Nearby", "Reported", "Unreadable", "Unsure", "value_text"]


@dataclass(frozen=True, slots=True)
class Nearby:
    """A training row beside a mistake: its place among the readable rows (None: no longer there), and how alike."""

    place: int | None
    image: str
    cosine: float
    cells: Mapping[str, str | list[str] | float]


@dataclass(frozen=True, slots=True)
class Unsure:
    """An item that is worth labelling: its place, and its unknown cells as (column, likely value, confidence)."""

    place: int
    cells: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row without a readable picture: its number as a person counts, the picture's name, a reason and a message."""

    row: int
    image: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What is known of a run.

    Args:
        name: Of the run.
        table: Where its rows came from.
        schema: The vocabulary.
        metrics: `metrics.json`.
        truth, decisions: Of the items of the side that was measured.
        places: (item,) their places among the readable rows of the table.
        names: Of the pictures of all readable rows.
        log: Lines of `log.jsonl`.
        depth: `depth.json`.
        diagnostics: `diagnostics.json`.
        issues: Reason and how many rows it keeps from being read.
        unreadable: The first of these rows.
        left_out: Columns of the table that the model neither reads nor fills, and why.
        config: The resolved configuration as YAML.
        environment: `environment.json`.
        nearby: Nearest training rows of items (positions in `places`); None where the run has no neighbours.
        unsure: What to label next; None where that is not known.
        unknown: By column how many cells of the whole table are unknown.
        draw: Reads pictures; None where they are not to be had.
        notes: What is missing from the report, and why.
    """

    name: str
    table: str
    schema: Schema
    metrics: Mapping[str, Any]
    truth: Labels
    decisions: Decisions
    places: np.ndarray
    names: Sequence[str]
    log: Sequence[Mapping[str, Any]] = ()
    depth: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    issues: Mapping[str, int] = field(default_factory=dict)
    unreadable: Sequence[Unreadable] = ()
    left_out: Sequence[tuple[str, str]] = ()
    config: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    nearby: Callable[[Sequence[int]], list[list[Nearby]]] | None = None
    unsure: Sequence[Unsure] | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)
    draw: Callable[[list[int]], list[Thumbnail]] | None = None
    notes: Sequence[str] = ()


def value_text(schema: Schema, source: Labels | Decisions, item: int, place: int) -> str:
    """What labels say of a cell that has a value, or decisions of one if the attribute applies."""
    attribute = schema.attributes[place]
    if attribute.kind is Kind.NUMERIC:
        return f"{source.number[item, place]:.4g} {attribute.unit or ''}".strip()
    if attribute.kind is Kind.MULTILABEL:
        own = np.flatnonzero(source.members[item, schema.layout().blocks[place].scores])
        return ", ".join(attribute.classes[one] for one in own) or "none of them"
    number = int(source.index[item, place])
    return attribute.classes[number] if number >= 0 else "no class"
