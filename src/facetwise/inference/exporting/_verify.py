"""Does an exported file decide as the run does? Measured on pictures, at several batch sizes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from facetwise.decisions import Decisions
from facetwise.errors import UserError
from facetwise.events import Event, Report, silent
from facetwise.inference.exporting._compared import (
    Change,
    Difference,
    changes_of,
    differences_of,
    largest_by_attribute,
    number_unit,
)
from facetwise.runtime import LOGITS, VOTES, Facts, Model, Precision
from facetwise.schema import Kind, Labels

__all__ = ["ALLOWED", "BATCHES", "Answering", "FileAnswering", "Probe", "Verification", "verify"]

BATCHES = (1, 2, 7, 32)
# The largest difference of a probability that a precision may cost.
ALLOWED: dict[Precision, float | None] = {"fp32": 1e-3, "fp16": 1e-2, "int8": None}
# Of int8: points of right answers that an attribute may lose, with 95 % confidence; and the cells that show it.
POINTS, FEWEST = 0.5, 500
# The same file in batches of another size.
ALLOWED_OF_BATCH = 1e-3
# Between the graph's own outputs (float32) and the numpy code (float64) behind its logits.
ALLOWED_OF_GRAPH = 1e-4
# |p - threshold| below which an fp32 file may decide differently; a run's and a file's sums differ by about 1e-6.
NEAR = 1e-4


class Answering(Protocol):
    """Whatever answers for a run: an exported file now, a server that speaks for it later."""

    @property
    def facts(self) -> Facts:
        """What it says about itself."""
        ...

    def answer(self, values: np.ndarray) -> tuple[Decisions, float]:
        """One batch of pixels or features to decisions, and the largest inner contradiction found on the way."""
        ...


class FileAnswering:
    """An exported file; its graph's own outputs are compared with the decisions made from its logits.

    Args:
        model: The file.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def facts(self) -> Facts:
        """What the file says about itself."""
        return self._model.facts

    def answer(self, values: np.ndarray) -> tuple[Decisions, float]:
        """See `Answering.answer`."""
        raw = self._model.raw(values, self._model.outputs)
        decisions = self._model.decide_packed(raw[LOGITS], raw.get(VOTES))
        return decisions, _contradiction(self._model, raw, decisions)


def _contradiction(model: Model, raw: Mapping[str, np.ndarray], decisions: Decisions) -> float:
    """The largest difference between the graph's own outputs and the numpy decisions; infinite where they decide else.

    Where an answer lies within the tolerance of its threshold, the two may decide differently.
    """
    schema, worst = model.schema, 0.0
    state, index, members = decisions.state.copy(), decisions.index.copy(), decisions.members.copy()
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        own, key = decisions.scores[:, block.scores].astype(np.float64), attribute.id
        apart = [np.abs(raw[f"{key}.applies"] - decisions.applies[:, place])]
        if attribute.kind is Kind.NUMERIC:
            apart.append(np.abs(raw[f"{key}.scores"] - own) / number_unit(model.facts.scales[key], own)[:, None])
        else:
            apart += [np.abs(raw[f"{key}.scores"] - own)]
            apart += [np.abs(raw[f"{key}.chances"] - decisions.chances[:, block.scores])]
        worst = max(worst, *(float(each.max(initial=0.0)) for each in apart))
        state[:, place] = raw[f"{key}.state"]
        if attribute.kind is Kind.MULTILABEL:
            members[:, block.scores] = raw[f"{key}.decision"]
        elif attribute.kind is not Kind.NUMERIC:
            index[:, place] = raw[f"{key}.decision"]
    found = replace(decisions, state=state, index=index, members=members)
    nameless = [""] * len(found)
    for differing in differences_of(model.facts, nameless, decisions, found, batch=0, limit=np.inf, scored=False):
        worst = max(worst, np.inf if differing.margin > ALLOWED_OF_GRAPH else differing.margin)
    return worst


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file is tried on.

    Args:
        images: Names of the pictures.
        values: Gives pixels or features of some of them, by place: (place,) → (item, ...).
        expected: What the run decides about all of them.
        truth: Their labels, where there are any.
    """

    images: Sequence[str]
    values: Callable[[np.ndarray], np.ndarray]
    expected: Decisions
    truth: Labels | None = None


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found.

    Args:
        precision: Of the file.
        batches: Size of the batch → pictures that were tried with it.
        largest: By column the largest difference of a probability (numbers: in predicted deviations).
        graph: The largest difference between the graph's own outputs and the decisions from its logits.
        cells: Cells that were compared.
        differences: Those that are decided differently.
        changes: Per attribute what the file costs, where the truth is known.
        complaints: Why the file is not to be used; empty where it is.
    """

    precision: Precision
    batches: Mapping[int, int]
    largest: Mapping[str, float]
    graph: float
    cells: int
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    complaints: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether the file decides as the run does, to within its precision."""
        return not self.complaints

    @property
    def equal(self) -> float:
        """Share of equal decisions."""
        return 1.0 - len(self.differences) / max(1, self.cells)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "precision": self.precision,
            "holds": self.holds,
            "complaints": list(self.complaints),
            "batches": {str(size): count for size, count in self.batches.items()},
            "largest": max(self.largest.values(), default=0.0),
            "largest_by_attribute": dict(self.largest),
            "graph": self.graph,
            "cells": self.cells,
            "equal": self.equal,
            "differences": [{**asdict(each), "margin": _finite(each.margin)} for each in self.differences],
            "changes": [asdict(each) for each in self.changes],
        }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def verify(
    answering: Answering,
    probe: Probe,
    *,
    counts: Mapping[int, int],
    threads: int = 1,
    report: Report = silent,
) -> Verification:
    """Compare a file with its run.

    Args:
        answering: The file.
        probe: What it is tried on.
        counts: Size of the batch → how many pictures, of the first ones.
        threads: Batches at the same time.
        report: Told about progress.

    Raises:
        UserError: There is nothing to try it on.
    """
    if not len(probe.expected):
        raise UserError("a file is tried on pictures. Found none. Fix: name a table that has some")
    facts = answering.facts
    schema, exact = facts.schema, ALLOWED[facts.precision]
    limit = exact if exact is not None else ALLOWED_OF_BATCH
    largest, differences, graph, cells = np.zeros(len(schema.attributes)), [], 0.0, 0
    by_size: dict[int, Decisions] = {}
    sizes = sorted(counts, key=lambda size: -counts[size])
    tried = {size: min(counts[size], len(probe.expected)) for size in sizes}
    apart_of_batch = 0.0
    for size in sizes:
        count = tried[size]
        found, inner = _answers(answering, probe, size, count, threads=threads, report=report)
        graph, by_size[size] = max(graph, inner), found
        expected = probe.expected.take(np.arange(count))
        largest = np.maximum(largest, largest_by_attribute(schema, facts.scales, expected, found))
        differences += differences_of(facts, probe.images, expected, found, batch=size, limit=limit)
        cells += count * len(schema.attributes)
        most = by_size[sizes[0]].take(np.arange(count))
        apart_of_batch = max(apart_of_batch, float(largest_by_attribute(schema, facts.scales, most, found).max()))
    changes: list[Change] = []
    if probe.truth is not None:
        count = tried[sizes[0]]
        rows = np.arange(count)
        changes = changes_of(
            schema, probe.truth.take(rows), probe.expected.take(rows), by_size[sizes[0]], fewest=FEWEST
        )
    columns = [attribute.column for attribute in schema.attributes]
    by_column = dict(zip(columns, largest.tolist(), strict=True))
    return Verification(
        precision=facts.precision, batches={size: tried[size] for size in sorted(tried)}, largest=by_column,
        graph=graph, cells=cells, differences=tuple(differences), changes=tuple(changes),
        complaints=(
            *_complaints(facts.precision, by_column, graph, apart_of_batch, changes),
            *(_far(differences) if facts.precision == "fp32" else ()),
        ),
    )  # fmt: skip


def _answers(
    answering: Answering, probe: Probe, size: int, count: int, *, threads: int, report: Report
) -> tuple[Decisions, float]:
    places = [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
    told: list[Decisions] = []
    worst = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for decisions, inner in pool.map(lambda rows: answering.answer(probe.values(rows)), places):
            told.append(decisions)
            worst = max(worst, inner)
            report(Event("progress", f"batch {size}", sum(map(len, told)), count))
    names = Decisions.__slots__
    return Decisions(**{name: np.concatenate([getattr(each, name) for each in told]) for name in names}), worst


def _far(differences: Sequence[Difference]) -> Iterator[str]:
    """Columns with decisions that differ although they are not near their threshold."""
    by_column: dict[str, list[Difference]] = {}
    for each in differences:
        if not each.margin < NEAR:
            by_column.setdefault(each.column, []).append(each)
    for column, found in by_column.items():
        worst = max(found, key=lambda each: np.nan_to_num(each.margin, nan=np.inf))
        yield (
            f"{column}: {len(found):,} decisions differ, {worst.distance}, as of {worst.image} "
            f"({worst.expected!r} became {worst.found!r}); fp32 may where |p - threshold| < {NEAR:g}"
        )


def _complaints(
    precision: Precision, largest: Mapping[str, float], graph: float, of_batch: float, changes: Sequence[Change]
) -> Iterator[str]:
    allowed = ALLOWED[precision]
    if allowed is not None:
        for column, apart in largest.items():
            if not apart <= allowed:
                yield f"{column}: a probability differs by {apart:.2g}; {precision} may cost {allowed:g}"
    elif not changes:
        yield "int8 is judged by right answers. Found no labelled pictures"
    else:
        for change in changes:
            if not change.bound <= POINTS:
                name = change.column or f"attributes with fewer than {FEWEST} labelled pictures, together"
                yield (
                    f"{name}: {change.drop:.2f} points of right answers lost, up to {change.bound:.2f} with 95 % "
                    f"confidence on {change.rows:,} cells; int8 may cost {POINTS:g}"
                )
    if not of_batch <= ALLOWED_OF_BATCH:
        yield f"the size of the batch changes a probability by {of_batch:.2g}; it may by {ALLOWED_OF_BATCH:g}"
    if not graph <= ALLOWED_OF_GRAPH:
        yield f"the outputs of the graph contradict its logits by {graph:.2g}; they may by {ALLOWED_OF_GRAPH:g}"
