"""Predictions on disk: one row per item and attribute, from which every metric can be computed again."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facetwise.decisions import ABSTAINED, Decisions, Policy, decide
from facetwise.errors import RunError
from facetwise.inference._arrow import lists_of, numbers, texts
from facetwise.inference._atomic import write_bytes
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Block, Kind, Labels, Schema

__all__ = ["read_predictions", "write_predictions"]

_TRUTH = {UNKNOWN: "unknown", VALUE: "value", NOT_APPLICABLE: "not_applicable"}
_DECISION = {ABSTAINED: "abstained", VALUE: "value", NOT_APPLICABLE: "not_applicable"}
_KEY = pa.dictionary(pa.int32(), pa.string())
_COLUMNS = pa.schema(
    [
        ("item", pa.int64()), ("image", _KEY), ("attribute", _KEY),
        ("truth_state", _KEY), ("truth", pa.list_(pa.string())), ("truth_number", pa.float64()),
        ("decision_state", _KEY), ("decision", pa.list_(pa.string())), ("decision_number", pa.float64()),
        ("confidence", pa.float32()), ("applies", pa.float32()), ("scores", pa.list_(pa.float32())),
    ]
)  # fmt: skip


def _texts(
    attribute: Attribute, block: Block, valued: np.ndarray, index: np.ndarray, members: np.ndarray
) -> pa.ListArray:
    """Class names of every cell in state value; an empty list elsewhere."""
    if attribute.kind is Kind.NUMERIC:
        counts, classes = np.zeros(len(valued), np.int32), np.zeros(0, np.int64)
    elif attribute.kind is Kind.MULTILABEL:
        own = (members[:, block.scores] != 0) & valued[:, None]
        counts, classes = own.sum(axis=1, dtype=np.int32), np.nonzero(own)[1]
    else:
        counts, classes = valued.astype(np.int32), index[valued].astype(np.int64)
    return lists_of(texts(attribute.classes).take(numbers(classes, pa.int64())), counts)


def _states(states: np.ndarray, names: Mapping[int, str]) -> pa.DictionaryArray:
    order = sorted(names)
    return pa.DictionaryArray.from_arrays(
        numbers(np.searchsorted(order, states), pa.int32()), texts(names[key] for key in order)
    )


def write_predictions(
    path: Path, schema: Schema, items: np.ndarray, images: Sequence[str], truth: Labels, decisions: Decisions
) -> None:
    """Write the predictions of some items.

    Args:
        path: Parquet file.
        schema: The vocabulary.
        items: 0-based rows of the table.
        images: Image of each item, as the table spells it.
        truth: What the table says.
        decisions: What the model says.
    """
    parts: list[pa.Table] = []
    pictures, rows = texts(images).dictionary_encode().cast(_KEY), len(items)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        valued, given = truth.state[:, place] == VALUE, decisions.state[:, place] == VALUE
        width = block.score_stop - block.score_start
        number, decided = truth.number[:, place], decisions.number[:, place]
        sure, scores = decisions.confidence[:, place], decisions.scores[:, block.scores].ravel()
        columns = {
            "item": numbers(items, pa.int64()),
            "image": pictures,
            "attribute": pa.DictionaryArray.from_arrays(numbers(np.zeros(rows), pa.int32()), texts([attribute.column])),
            "truth_state": _states(truth.state[:, place], _TRUTH),
            "truth": _texts(attribute, block, valued, truth.index[:, place], truth.members),
            "truth_number": numbers(number, pa.float64(), missing=np.isnan(number)),
            "decision_state": _states(decisions.state[:, place], _DECISION),
            "decision": _texts(attribute, block, given, decisions.index[:, place], decisions.members),
            "decision_number": numbers(decided, pa.float64(), missing=~given | np.isnan(decided)),
            "confidence": numbers(sure, pa.float32(), missing=np.isnan(sure)),
            "applies": numbers(decisions.applies[:, place], pa.float32()),
            "scores": lists_of(numbers(scores, pa.float32()), np.full(rows, width)),
        }
        parts.append(pa.table(columns, schema=_COLUMNS))
    sink = io.BytesIO()
    whole = pa.concat_tables(parts) if parts else _COLUMNS.empty_table()
    pq.write_table(whole.unify_dictionaries(), sink, compression="zstd")
    write_bytes(path, sink.getvalue())


def read_predictions(
    path: Path, schema: Schema, thresholds: Mapping[str, tuple[float, ...]], policy: Policy | None = None
) -> tuple[np.ndarray, Labels, Decisions]:
    """Items, truth and decisions from a file that `write_predictions` wrote for the same schema.

    Raises:
        RunError: The file is about other attributes.
    """
    import polars as pl

    table = pl.read_parquet(path)
    columns, found = [a.column for a in schema.attributes], table["attribute"].unique(maintain_order=True).to_list()
    if table.height and found != columns:
        raise RunError(f"{path} holds the schema's attributes in their order. Found {found}. Fix: train again")
    layout, width = schema.layout(), len(schema.attributes)
    count = table.height // max(1, width)
    code = {name: state for state, name in _TRUTH.items()}
    state = np.zeros((count, width), np.int8)
    index = np.full((count, width), -1, np.int32)
    members = np.zeros((count, layout.num_scores), np.uint8)
    number = np.full((count, width), np.nan)
    scores = np.zeros((count, layout.num_scores), np.float32)
    applies = np.zeros((count, width), np.float32)
    items = table["item"][:count].to_numpy()
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        part = table.slice(place * count, count)
        state[:, place] = [code[name] for name in part["truth_state"].to_list()]
        number[:, place] = part["truth_number"].to_numpy()
        applies[:, place] = part["applies"].to_numpy()
        scores[:, block.scores] = (
            part["scores"].explode().to_numpy().reshape(count, block.score_stop - block.score_start)
        )
        where = {name: n for n, name in enumerate(attribute.classes)}
        for row, names in enumerate(part["truth"].to_list()):
            if attribute.kind is Kind.MULTILABEL:
                members[row, [block.score_start + where[name] for name in names]] = 1
            elif names:
                index[row, place] = where[names[0]]
    truth = Labels(state=state, index=index, members=members, number=number)
    return items, truth, decide(schema, scores, applies, thresholds=thresholds, policy=policy)
