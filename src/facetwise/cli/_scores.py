"""Scores as tables: every number beside what guessing would reach."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from facetwise.cli._screen import Screen, number, percent

if TYPE_CHECKING:
    from facetwise.schema import Schema

__all__ = ["show_scores"]

OVERALL = {
    "mean_macro_f1": "macro-F1, mean over attributes",
    "mean_accuracy": "accuracy, mean over attributes",
    "mean_mae_over_floor": "error of numbers against guessing (less is better)",
    "exact_match": "all labelled cells of an item right",
    "applicability_f1": "applicable or not, F1",
}
NUMERIC = "numeric"


def show_scores(screen: Screen, schema: "Schema", splits: Mapping[str, Mapping[str, Any]]) -> None:
    """Attributes by rows and splits side by side, floors beside every score.

    Args:
        screen: Where to.
        schema: Gives the units of numbers.
        splits: `Evaluation.to_dict()` by name of the split.
    """
    columns = list(next(iter(splits.values()))["attributes"])
    kinds = {column: _first(splits, column, "kind") for column in columns}
    classes = [column for column in columns if kinds[column] != NUMERIC]
    numbers = [column for column in columns if kinds[column] == NUMERIC]
    detailed = len(splits) == 1
    if classes:
        measures = [("macro_f1", "macro-F1")] + ([("accuracy", "accuracy")] if detailed else [])
        _table(screen, "attribute", splits, classes, measures, {column: kinds[column] for column in classes}, digits=3)
    if numbers:
        screen.result("")
        units = {column: schema.attribute(column).unit or "-" for column in numbers}
        measures = [("mae", "mean error")] + ([("rmse", "RMSE"), ("r2", "R²")] if detailed else [])
        _table(screen, "number", splits, numbers, measures, units, digits=2)
    screen.result("")
    _overall(screen, splits)


def _first(splits: Mapping[str, Mapping[str, Any]], column: str, key: str) -> Any:
    return next(
        (split["attributes"][column].get(key) for split in splits.values() if column in split["attributes"]), ""
    )


def _floor(split: Mapping[str, Any], name: str, *path: str) -> float | None:
    found: Any = split.get("floors", {}).get(name, {})
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _prefix(splits: Mapping[str, Any], name: str) -> str:
    return f"{name} " if len(splits) > 1 else ""


def _table(
    screen: Screen,
    first: str,
    splits: Mapping[str, Mapping[str, Any]],
    columns: list[str],
    measures: list[tuple[str, str]],
    second: Mapping[str, str],
    *,
    digits: int,
) -> None:
    heads = [first, "unit" if first == "number" else "kind"]
    for name in splits:
        heads += [f"{_prefix(splits, name)}labelled"]
        for _, word in measures:
            heads += [f"{_prefix(splits, name)}{word}", "majority", "random"]
    rows = []
    for column in columns:
        row: list[object] = [column, second[column]]
        for split in splits.values():
            values = split["attributes"].get(column, {})
            row.append(values.get("labelled", 0))
            for key, _ in measures:
                row.append(number(values.get(key), digits=digits))
                row += [
                    number(_floor(split, floor, "attributes", column, key), digits=digits)
                    for floor in ("majority", "random")
                ]
        rows.append(row)
    screen.table(heads, rows, right=range(2, len(heads)))


def _overall(screen: Screen, splits: Mapping[str, Mapping[str, Any]]) -> None:
    heads = ["overall"]
    for name in splits:
        heads += [name if len(splits) > 1 else "score", "majority", "random"]
    rows = []
    for key, words in OVERALL.items():
        row: list[object] = [words]
        for split in splits.values():
            show = percent if key == "exact_match" else number
            row.append(show(split["overall"].get(key)))
            row += [show(_floor(split, floor, "overall", key)) for floor in ("majority", "random")]
        rows.append(row)
    screen.table(heads, rows, right=range(1, len(heads)))
