"""A finished run folder to its report: gathers what the page is written from."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from facetwise.config import config_to_yaml
from facetwise.data import Role, Table, group_cells, infer
from facetwise.decisions import Decisions
from facetwise.errors import UserError
from facetwise.inference import Predictor, evidence_from, read_predictions, write_bytes
from facetwise.metrics import Evaluation
from facetwise.models.backbones import create_backbone
from facetwise.reports import SMALL, Nearby, Pictures, Reported, Unreadable, Unsure, report_page, thumbnails, value_text
from facetwise.schema import UNKNOWN, Kind, Schema
from facetwise.training._finished import FinishedRun
from facetwise.training._prepare import Prepared

__all__ = ["groups_of", "report_of", "unsure_items", "write_evaluation"]

# Items that the report proposes to label, among at most so many with an unknown cell, drawn with a fixed seed: the vote
# of the neighbours about every row of a large table would be most of the time.
_PROPOSED, _LOOKED_AT = 12, 1500
_NEAREST = 4
# Rows without a readable picture that the page names; all are in `issues.parquet`.
_NAMED = 10


def groups_of(schema: Schema, table: Table, rows: np.ndarray) -> np.ndarray | None:
    """(row,) what every row belongs to by the schema's group column; a row without a group is one of its own.

    None where the schema has no group.
    """
    named = group_cells(table.take(rows), schema)
    if named is None:
        return None
    return np.array([f"g {name}" if name else f"r {row}" for row, name in zip(rows.tolist(), named, strict=True)])


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """`evaluation.parquet`: one row per number; see `Evaluation.to_records`."""
    import polars as pl

    texts, numbers = ("scope", "name", "class", "given", "metric"), ("value", "low", "high", "majority", "random")
    kinds: dict[str, Any] = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(numbers, pl.Float64)}
    sink = io.BytesIO()
    pl.DataFrame(evaluation.to_records(), schema=kinds).write_parquet(sink)
    write_bytes(path, sink.getvalue())


def unsure_items(schema: Schema, state: np.ndarray, decisions: Decisions, count: int = _PROPOSED) -> list[Unsure]:
    """The items whose unknown cells are the least sure, most first.

    The worth of an unknown cell is P(applies) times what is missing from the confidence of its class to 1; of an item
    the sum over its cells. Numbers have no confidence and count for nothing. (Uncertainty sampling: Lewis, Gale 1994,
    "A Sequential Algorithm for Training Text Classifiers".)

    Args:
        schema: The vocabulary.
        state: (item, attribute) of the labels.
        decisions: About the same items.
        count: How many items.
    """
    chance = np.ones(state.shape, np.float32)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        own = decisions.chances[:, block.scores]
        if attribute.kind is Kind.MULTILABEL:
            chance[:, place] = np.maximum(own, 1.0 - own).mean(axis=1)
        elif attribute.kind is not Kind.NUMERIC:
            chance[:, place] = own.max(axis=1)
    worth = np.where(state == UNKNOWN, decisions.applies * (1.0 - chance), 0.0)
    order = np.argsort(-worth.sum(axis=1), kind="stable")[:count]
    found = []
    for item in order.tolist():
        cells = [place for place in np.argsort(-worth[item], kind="stable").tolist() if worth[item, place] > 0]
        if cells:
            told = tuple(
                (schema.attributes[p].column, value_text(schema, decisions, item, p), float(chance[item, p]))
                for p in cells
            )
            found.append(Unsure(item, told))
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _issues(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    import polars as pl

    counted = pl.read_parquet(path, columns=["reason"])["reason"].value_counts()
    return dict(zip(counted["reason"].to_list(), counted["count"].to_list(), strict=True))


def _unreadable(path: Path) -> list[Unreadable]:
    """The first rows of `issues.parquet` that are not ok."""
    if not path.is_file():
        return []
    import polars as pl

    found = pl.scan_parquet(path).filter(pl.col("reason") != "ok").head(_NAMED)
    rows = found.select("item", "image", "reason", "message").collect().rows()
    return [Unreadable(item + 1, *told) for item, *told in rows]


def _left_out(prepared: Prepared) -> list[tuple[str, str]]:
    """Columns that are neither read nor filled, with the reason that `inspect` gives for them."""
    schema, table = prepared.schema, prepared.table
    used = {*(attribute.column for attribute in schema.attributes), *schema.images}
    used |= {column for column in (schema.group, schema.weight, schema.box) if column is not None}
    # With the columns of pictures and the group, so that a copy of these is known for one.
    known = (*schema.images, schema.group)
    asked = [column for column in table.columns if column in known or column not in used]
    if used.issuperset(asked):
        return []
    found = infer(Table.of_coded({column: table.coded(column) for column in asked}, name=table.name))
    return [
        (
            one.column,
            one.reason if one.role is Role.LEFT_OUT else "not in the schema: excluded, or too few labelled rows",
        )
        for one in found.readings
        if one.column not in used and one.role is not Role.SPLIT
    ]


class _Nearest:
    """The nearest training rows of items of the side; the items are described once, all together, when first asked."""

    def __init__(self, run: FinishedRun, prepared: Prepared, predictor: Predictor, places: np.ndarray) -> None:
        self.schema, self.neighbours = run.schema, run.bundle.neighbours
        self._read = partial(predictor.read, prepared.features[places])
        # Of several rows with one picture the first is shown.
        self._place = {name: place for place, name in reversed(list(enumerate(prepared.images())))}

    @cached_property
    def _representation(self) -> np.ndarray:
        return self._read()[1]

    def __call__(self, items: Sequence[int]) -> list[list[Nearby]]:
        if self.neighbours is None or not len(items):
            return [[] for _ in items]
        found = evidence_from(self.schema, self.neighbours, self._representation[list(items)], _NEAREST)
        return [[Nearby(self._place.get(one.image), one.image, one.cosine, one.cells) for one in row] for row in found]


def _pictures(run: FinishedRun, prepared: Prepared) -> Pictures | None:
    if prepared.backbone["name"] is None:
        return None
    config, about = run.config, _json(run.path / "run.json")
    seen = create_backbone(config.backbone.name, **config.backbone.options).preprocessing
    return Pictures(root=Path(about["images"]), size=seen.size, fit=seen.fit, allow_outside=config.allow_outside_root)


def report_of(run: FinishedRun, prepare: Callable[[], Prepared]) -> str:
    """The page of a finished run.

    Where its table or pictures are gone, the page is written without pictures and says so.

    Args:
        run: The run.
        prepare: Gives the run's own table.
    """
    metrics, notes = dict(run.metrics), []
    side = metrics["split"]
    items, truth, decisions = read_predictions(
        run.path / "predictions" / f"{side}.parquet", run.schema, run.bundle.thresholds, run.bundle.policy
    )
    if "tiers" not in metrics:
        notes.append("This run was trained before intervals and curves were stored; train again to see them.")
    prepared: Prepared | None = None
    try:
        prepared = prepare()
    except (UserError, OSError) as error:
        notes.append(f"Without pictures, neighbours and what to label next: {error}")
    extra: dict[str, Any] = {"places": np.arange(len(items)), "names": [str(row) for row in items.tolist()]}
    if prepared is not None:
        places = np.minimum(np.searchsorted(prepared.rows, items), len(prepared.rows) - 1)  # they rise
        if np.array_equal(prepared.rows[places], items):
            extra = _with_pictures(run, prepared, places)
        else:
            notes.append("Without pictures: rows of the table have become unreadable since the training.")
    about = _json(run.path / "run.json")
    told = Reported(
        name=run.path.resolve().name, table=PureWindowsPath(about.get("table") or "a frame").name, schema=run.schema,
        metrics=metrics, truth=truth, decisions=decisions, log=_lines(run.path / "log.jsonl"),
        depth=_json(run.path / "depth.json"), diagnostics=_json(run.path / "diagnostics.json"),
        issues=_issues(run.path / "issues.parquet"), unreadable=_unreadable(run.path / "issues.parquet"),
        config=config_to_yaml(run.config), environment=_json(run.path / "environment.json"), notes=notes, **extra,
    )  # fmt: skip
    return report_page(told)


def _with_pictures(run: FinishedRun, prepared: Prepared, places: np.ndarray) -> dict[str, Any]:
    """What only the table and its pictures can tell."""
    labels, seen, predictor = prepared.labels, _pictures(run, prepared), run.predictor()
    some = np.flatnonzero((labels.state == UNKNOWN).any(axis=1))
    if len(some) > _LOOKED_AT:
        some = np.sort(np.random.default_rng(0).choice(some, _LOOKED_AT, replace=False))
    unsure = unsure_items(run.schema, labels.state[some], predictor(prepared.features[some])) if len(some) else []
    draw = None
    if seen is not None:

        def draw(wanted: list[int], seen: Pictures = seen) -> list[Any]:
            return thumbnails(prepared.table, prepared.schema, prepared.rows, np.array(wanted, dtype=np.int64), seen,
                              bad=prepared.view_issues, side=SMALL)  # fmt: skip

    unknown = (labels.state == UNKNOWN).sum(axis=0).tolist()
    return {
        "places": places,
        "names": prepared.images(),
        "nearby": None if run.bundle.neighbours is None else _Nearest(run, prepared, predictor, places),
        "unsure": [replace(one, place=int(some[one.place])) for one in unsure],
        "unknown": dict(zip([attribute.column for attribute in run.schema.attributes], unknown, strict=True)),
        "draw": draw,
        "left_out": _left_out(prepared),
    }
