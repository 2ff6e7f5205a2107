"""Scores as tables: every number beside what guessing would reach."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from facetwise.cli._screen import Screen, number, percent

if TYPE_CHECKING:
    from facetwise.metrics import Evaluation
    from facetwise.schema import Schema

__all__ = ["calibration_line", "show_scores"]

OVERALL = {
    "mean_macro_f1": "macro-F1, mean over attributes",
    "mean_accuracy": "accuracy, mean over attributes",
    "mean_mae_over_floor": "error of numbers against guessing (less is better)",
    "exact_match": "all labelled cells of an item right",
    "applicability_f1": "applicable or not, F1",
}
NUMERIC = "numeric"


def show_scores(
    screen: Screen,
    schema: "Schema",
    splits: Mapping[str, Mapping[str, Any]],
    depth: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None,
) -> None:
    """Attributes by rows and splits side by side, floors beside every score.

    Args:
        screen: Where to.
        schema: Gives the units of numbers.
        splits: `Evaluation.to_dict()` by name of the split.
        depth: `Run.depth`; with one split, each attribute shows which depths it listens to most.
    """
    columns = list(next(iter(splits.values()))["attributes"])
    kinds = {column: _first(splits, column, "kind") for column in columns}
    classes = [column for column in columns if kinds[column] != NUMERIC]
    numbers = [column for column in columns if kinds[column] == NUMERIC]
    detailed = len(splits) == 1
    heard = {column: _heard(depth[column]) for column in columns} if depth and detailed else {}
    if classes:
        measures = [("macro_f1", "macro-F1")] + ([("accuracy", "accuracy")] if detailed else [])
        _table(
            screen,
            "attribute",
            splits,
            classes,
            measures,
            {column: kinds[column] for column in classes},
            heard,
            digits=3,
        )
    if numbers:
        screen.result("")
        units = {column: schema.attribute(column).unit or "-" for column in numbers}
        measures = [("mae", "mean error")] + ([("rmse", "RMSE"), ("r2", "R²")] if detailed else [])
        _table(screen, "number", splits, numbers, measures, units, heard, digits=2)
    screen.result("")
    _overall(screen, splits)


def calibration_line(evaluation: "Evaluation", name: str = "") -> str:
    """How far confidence can be trusted, in one line."""
    known = {c: one.calibration for c, one in evaluation.attributes.items() if one.calibration is not None}
    if not known:
        return "calibration: no attribute with a confidence has labels here"
    errors = [one["error"] or 0.0 for one in known.values()]
    good = [c for c, one in known.items() if (one["error"] or 0.0) <= (one["error_if_calibrated"] or 0.0)]
    off = sorted(set(known) - set(good), key=lambda column: -(known[column]["error"] or 0.0))
    rest = f"; furthest off: {', '.join(off[:3])}" if off else ""
    side = f" of {name}" if name else ""
    return (
        f"calibration{side}: mean error {sum(errors) / len(errors):.3f}; {len(good)} of {len(known)} attributes are as "
        f"good as perfectly calibrated (95 %){rest}"
    )


def _first(splits: Mapping[str, Mapping[str, Any]], column: str, key: str) -> Any:
    return next(
        (split["attributes"][column].get(key) for split in splits.values() if column in split["attributes"]), ""
    )


def _heard(levels: Mapping[str, Mapping[str, float | None]]) -> str:
    """The two depths whose permutation adds most validation loss, strongest first; none that adds nothing."""
    added = {name: figures["added_loss"] or 0.0 for name, figures in levels.items()}
    strongest = sorted(added, key=lambda name: -added[name])[:2]
    return ", ".join(name for name in strongest if added[name] > 0) or "none"


def _floor(split: Mapping[str, Any], name: str, *path: str) -> float | None:
    found: Any = split.get("floors", {}).get(name, {})
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _table(
    screen: Screen,
    first: str,
    splits: Mapping[str, Mapping[str, Any]],
    columns: list[str],
    measures: list[tuple[str, str]],
    second: Mapping[str, str],
    heard: Mapping[str, str],
    *,
    digits: int,
) -> None:
    """One split: every measure with its floors. Several: one measure side by side, with the floors of the last."""
    last = list(splits.values())[-1]
    heads = [first, "unit" if first == "number" else "kind"]
    if len(splits) > 1:
        heads += [f"{name} {measures[0][1]}" for name in splits] + ["majority", "random", "labelled"]
    else:
        heads += ["labelled"]
        for _, word in measures:
            heads += [word, "majority", "random"]
    heads += ["listens to"] if heard else []
    rows = []
    for column in columns:
        values = last["attributes"].get(column, {})
        row: list[object] = [column, second[column]]
        if len(splits) == 1:
            row.append(values.get("labelled", 0))
        for key, _ in measures:
            found = [split["attributes"].get(column, {}).get(key) for split in splits.values()]
            found += [_floor(last, floor, "attributes", column, key) for floor in ("majority", "random")]
            row += [number(figure, digits=digits) for figure in found]
        if len(splits) > 1:
            row.append(values.get("labelled", 0))
        rows.append([*row, heard[column]] if heard else row)
    screen.table(heads, rows, right=range(2, len(heads) - bool(heard)))
    if len(splits) > 1:
        screen.result(f"Floors and labelled cells are those of {list(splits)[-1]}.")


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
