"""An evaluation as flat rows, one per number: what a table or a Parquet file holds."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["records"]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rows(
    scope: str, name: str, figures: Mapping[str, Any], *floors: Mapping[str, Any], of: str | None = None,
    intervals: Mapping[str, Any] | None = None, given: str | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    majority, random = floors or ({}, {})
    for metric, value in figures.items():
        if not _number(value):
            continue
        low, high = (intervals or {}).get(metric) or (None, None)
        yield {
            "scope": scope, "name": name, "class": of, "given": given, "metric": metric, "value": float(value),
            "low": low, "high": high, "majority": _plain(majority.get(metric)), "random": _plain(random.get(metric)),
        }  # fmt: skip


def _plain(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _curves(column: str, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Points of the reliability and of the risk-coverage curve, counted from 1."""
    for number, point in enumerate(metrics.get("reliability") or (), start=1):
        yield from _rows("reliability", column, point, of=str(number))
    if not (curve := metrics.get("risk_coverage")):
        return
    for number, point in enumerate(zip(curve["coverage"], curve["risk"], strict=True), start=1):
        yield from _rows("risk_coverage", column, dict(zip(("coverage", "risk"), point, strict=True)), of=str(number))
    yield from _rows("attribute", column, {"risk_coverage_area": curve["area"]})
    for precision, coverage in curve["coverage_at"].items():
        yield from _rows("coverage_at", column, {"coverage": coverage}, of=precision)


def _confusion(column: str, metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per pair of classes that occurs."""
    whole, classes = metrics.get("confusion"), list(metrics.get("per_class") or ())
    if not whole:
        return
    for true, given, cells in zip(whole["truth"], whole["given"], whole["cells"], strict=True):
        name = None if given < 0 else classes[given]
        yield from _rows("confusion", column, {"cells": cells}, of=classes[true], given=name)


def records(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of `Evaluation.to_dict()`; figures that do not exist have none.

    >>> data = {"overall": {"coverage": 0.5}, "categories": {}, "attributes": {}, "groups": {}, "floors": {}}
    >>> [(row["scope"], row["metric"], row["value"]) for row in records(data)]
    [('overall', 'coverage', 0.5)]
    """
    both = [data["floors"].get(name, {}) for name in ("majority", "random")]

    def floors(*path: str) -> list[Mapping[str, Any]]:
        found = list(both)
        for step in path:
            found = [each.get(step) or {} for each in found]
        return found

    yield from _rows("overall", "", data["overall"], *floors("overall"), intervals=data.get("intervals"))
    for column, metrics in data["attributes"].items():
        yield from _rows(
            "attribute", column, metrics, *floors("attributes", column), intervals=metrics.get("intervals")
        )
        for part in ("applicability", "calibration"):
            told = {f"{part}_{name}": value for name, value in (metrics.get(part) or {}).items()}
            yield from _rows("attribute", column, told, intervals=metrics.get("intervals"))
        for band, told in (metrics.get("frequency") or {}).items():
            yield from _rows("frequency", column, told, of=band)
        for name, told in (metrics.get("per_class") or {}).items():
            yield from _rows("class", column, told, of=name)
        yield from _curves(column, metrics)
        yield from _confusion(column, metrics)
    for scope, part in (("category", "categories"), ("group", "groups")):
        for name, told in data[part].items():
            yield from _rows(scope, name, told, *floors(part, name))
    for scope, part in (("tier", "tiers"), ("labelled", "by_labelled")):
        for name, told in data.get(part, {}).items():
            yield from _rows(scope, name, told)
    for scope in ("seen", "unreadable"):
        yield from _rows(scope, "", data.get(scope, {}))
