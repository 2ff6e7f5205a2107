"""Two runs side by side: what was changed, and what became of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from facetwise.data import read_split
from facetwise.errors import RunError
from facetwise.schema import Kind, Schema, read_schema
from facetwise.studies._changes import (
    changes_of_data,
    changes_of_schema,
    changes_of_settings,
    read_json,
    read_yaml,
)
from facetwise.studies._row_keys import RowKey, row_keys, unpaired

__all__ = ["AttributeDifference", "Difference", "diff"]

# Resamples of the items; the interval of a share then moves by less than its own rounding from seed to seed.
RESAMPLES = 1000
# Where two runs may differ although nothing that was asked for does.
_IGNORED = ("threads", "cores", "platform")


@dataclass(frozen=True, kw_only=True)
class AttributeDifference:
    """One attribute in two runs.

    Args:
        column: The attribute.
        metric: `macro_f1`, or `mae` of a number, as each run measured it on its own test rows.
        before, after: That metric; None where it was not measured.
        shared: Cells with a truth that both runs answered and that both call the same truth.
        changed: Of these, cells with another decision.
        mended, broken: Of these, cells that became right, and that became wrong; of numbers: nearer and further.
        gain: mended − broken, as a share of the shared cells; None where there is none.
        interval: 95 % bootstrap interval of `gain` over groups of items; None where there is no shared cell.
        examples: Up to three (image, truth, before, after) of changed cells.
    """

    column: str
    metric: str
    before: float | None
    after: float | None
    shared: int
    changed: int
    mended: int
    broken: int
    gain: float | None
    interval: tuple[float, float] | None
    examples: tuple[tuple[str, str, str, str], ...]

    @property
    def verdict(self) -> str:
        """better, worse, or no significant difference, by the interval of the shared cells."""
        if self.interval is None:
            return "nothing shared"
        if self.interval[0] > 0:
            return "better"
        return "worse" if self.interval[1] < 0 else "no significant difference"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed from one run to another.

    Args:
        before, after: The run folders.
        data, schema: Lines about rows and vocabulary; empty where they are the same.
        config, environment: Dotted key → (before, after).
        attributes: Scores and answers of the attributes that both runs have.
    """

    before: Path
    after: Path
    data: list[str]
    schema: list[str]
    config: dict[str, tuple[Any, Any]]
    environment: dict[str, tuple[Any, Any]]
    attributes: list[AttributeDifference]

    @property
    def same(self) -> bool:
        """Whether nothing at all differs."""
        answers = any(each.changed or each.before != each.after for each in self.attributes)
        return not (self.data or self.schema or self.config or self.environment or answers)


def _require_run(path: Path) -> Path:
    needed = ("schema.yaml", "split.csv", "metrics.json", "config.yaml")
    missing = [name for name in needed if not (path / name).is_file()]
    if missing:
        raise RunError(f"{path} is a finished run. Found no {missing[0]} in it. Fix: name a folder that `train` wrote")
    return path


def _predictions(path: Path, keys: Mapping[int, RowKey]) -> dict[str, dict[RowKey, dict[str, Any]]]:
    """Attribute → row → line of the saved test predictions (of validation where there is no test).

    Args:
        path: The run.
        keys: Row of the table → what it is called in both runs; others are left out.
    """
    saved = [path / "predictions" / f"{side}.parquet" for side in ("test", "val")]
    file = next((each for each in saved if each.is_file()), None)
    if file is None:
        return {}
    names = ["item", "attribute", "truth_state", "truth", "truth_number", "decision_state", "decision",
             "decision_number"]  # fmt: skip
    columns = pq.read_table(file, columns=names).to_pydict()
    found: dict[str, dict[RowKey, dict[str, Any]]] = {}
    for place, (attribute, item) in enumerate(zip(columns["attribute"], columns["item"], strict=True)):
        lines = found.setdefault(attribute, {})
        if item in keys:
            lines[keys[item]] = {name: columns[name][place] for name in names[2:]}
    return found


def _answer(line: dict[str, Any]) -> str:
    if line["decision_state"] != "value":
        return line["decision_state"].replace("_", " ")
    return "|".join(line["decision"]) if line["decision"] else _number(line["decision_number"])


def _truth(line: dict[str, Any]) -> str:
    if line["truth_state"] != "value":
        return line["truth_state"].replace("_", " ")
    return "|".join(line["truth"]) if line["truth"] else _number(line["truth_number"])


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _error(kind: Kind, line: dict[str, Any]) -> float:
    """0 right, 1 wrong; of numbers the absolute error; an answer that is no value is the worst there is."""
    if line["decision_state"] != line["truth_state"]:
        return float("inf") if kind is Kind.NUMERIC else 1.0
    if line["truth_state"] != "value":
        return 0.0
    if kind is Kind.NUMERIC:
        return abs(line["decision_number"] - line["truth_number"])
    return float(set(line["decision"] or ()) != set(line["truth"] or ()))


def _gain(before: float, after: float) -> float:
    return float(before > after) - float(before < after)


def _interval(gains: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean over groups: cells of one group stand or fall together."""
    _, code = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(code, gains), np.bincount(code)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _attribute(
    column: str,
    kind: Kind,
    scores: tuple[dict[str, Any], dict[str, Any]],
    lines: tuple[dict[RowKey, dict[str, Any]], dict[RowKey, dict[str, Any]]],
    groups: Mapping[RowKey, str],
) -> AttributeDifference:
    metric = "mae" if kind is Kind.NUMERIC else "macro_f1"
    first, second = lines
    # A truth that was mended between the runs says nothing about the models.
    both = [row for row, line in first.items() if row in second and line["truth_state"] != "unknown"]
    shared = [row for row in both if _truth(first[row]) == _truth(second[row])]
    changed = [row for row in shared if _answer(first[row]) != _answer(second[row])]
    gains = np.array([_gain(_error(kind, first[row]), _error(kind, second[row])) for row in shared])
    names = np.array([groups[row] or row[0] for row in shared])
    return AttributeDifference(
        column=column,
        metric=metric,
        before=scores[0].get(column, {}).get(metric),
        after=scores[1].get(column, {}).get(metric),
        shared=len(shared),
        changed=len(changed),
        mended=int((gains > 0).sum()),
        broken=int((gains < 0).sum()),
        gain=float(gains.mean()) if shared else None,
        interval=_interval(gains, names) if shared else None,
        examples=tuple((i[0], _truth(first[i]), _answer(first[i]), _answer(second[i])) for i in changed[:3]),
    )


def diff(before: str | Path, after: str | Path) -> Difference:
    """Compare two finished runs; nothing is trained and no picture is read.

    The scores are each run's own, on its own test rows. Whether one run answers better is judged on the cells that
    both answered: the share that became right less the share that became wrong, with an interval over groups. Rows are
    the same whose picture has the same name; several rows of one picture are paired in their order, and `data` names
    the pictures that have another number of rows in the other run: these are not compared.

    Raises:
        RunError: A folder holds no finished run.
    """
    first, second = _require_run(Path(before)), _require_run(Path(after))
    schemas: tuple[Schema, Schema] = read_schema(first / "schema.yaml"), read_schema(second / "schema.yaml")
    metrics = tuple(read_json(path / "metrics.json").get("attributes", {}) for path in (first, second))
    splits = read_split(first / "split.csv"), read_split(second / "split.csv")
    keys = tuple(row_keys(split, set(unpaired(*splits))) for split in splits)
    said = tuple(
        _predictions(path, {split.items[place]: key for key, place in own.items()})
        for path, split, own in zip((first, second), splits, keys, strict=True)
    )
    groups = {key: str(splits[1].groups[place]) for key, place in keys[1].items()}
    environment = changes_of_settings(read_json(first / "environment.json"), read_json(second / "environment.json"))
    return Difference(
        before=first,
        after=second,
        data=changes_of_data(*splits),
        schema=changes_of_schema(*schemas),
        config=changes_of_settings(read_yaml(first / "config.yaml"), read_yaml(second / "config.yaml")),
        environment={key: pair for key, pair in environment.items() if key.split(".")[0] not in _IGNORED},
        attributes=[
            _attribute(a.column, a.kind, (metrics[0], metrics[1]),
                       (said[0].get(a.column, {}), said[1].get(a.column, {})), groups)
            for a in schemas[0].attributes
            if a.column in schemas[1].index and schemas[1].attribute(a.column).kind is a.kind
        ],
    )  # fmt: skip
