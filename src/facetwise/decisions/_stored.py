"""A policy, thresholds and scales as plain JSON data, and back with every number checked."""

import sys
from collections.abc import Mapping
from typing import Any

from facetwise.decisions._calibration import Calibration
from facetwise.decisions._class_shift import LARGEST_SHIFT
from facetwise.decisions._conformal import SET_SCORES, Conformal
from facetwise.decisions._goals import NEVER, Goal
from facetwise.decisions._hierarchy import HIERARCHIES
from facetwise.decisions._numbers import NumberScale
from facetwise.decisions._policy import Policy
from facetwise.schema import Attribute, Kind, Rule, Schema, Transform, rule_from_dict, rule_to_dict

__all__ = [
    "VERSION",
    "check_thresholds",
    "policy_from_dict",
    "policy_to_dict",
    "scales_from_dict",
    "scales_to_dict",
]

# Of the data below; a reader refuses any other.
VERSION = 1
# No fitted number is anywhere near; a file that says so is damaged.
LARGEST = 1e12


def policy_to_dict(policy: Policy) -> dict[str, Any]:
    """Plain data."""
    return {
        "version": VERSION,
        "calibration": {
            "temperatures": dict(policy.calibration.temperatures),
            "labels": {key: [_plain(each) for each in found] for key, found in policy.calibration.labels.items()},
            "applies": {key: list(line) for key, line in policy.calibration.applies.items()},
            "tops": {key: list(line) for key, line in policy.calibration.tops.items()},
            "shifts": {key: list(shifts) for key, shifts in policy.calibration.shifts.items()},
        },
        "least": dict(policy.least),
        "shares": dict(policy.shares),
        "goals": dict(policy.goals),
        "conformal": {
            key: {
                "method": found.method,
                "coverage": found.coverage,
                "quantile": found.quantile,
                "rows": found.rows,
                "categories": dict(found.categories),
            }
            for key, found in policy.conformal.items()
        },
        "flags": {key: list(told) for key, told in policy.flags.items()},
        "rules": [rule_to_dict(rule) for rule in policy.rules],
        "hierarchy": policy.hierarchy,
    }


def _plain(fitted: Any) -> Any:
    return None if fitted is None else [list(part) if isinstance(part, tuple) else part for part in fitted]


def _number(value: Any, what: str, low: float, high: float) -> float:
    """A finite number within bounds (NaN fails both comparisons)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{what} is a number between {low:g} and {high:g}. Found {value!r}")
    return float(value)


def _line(value: Any, what: str) -> tuple[float, float]:
    slope, offset = value
    return _number(slope, f"the slope of {what}", 1e-12, LARGEST), _number(
        offset, f"the offset of {what}", -LARGEST, LARGEST
    )


def _fitted(value: Any, what: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"the calibration of {what} is a line or a curve: two entries. Found {value!r}")
    if not isinstance(value[0], list):
        return _line(value, what)
    xs = tuple(_number(x, f"a corner of {what}", -LARGEST, LARGEST) for x in value[0])
    ys = tuple(_number(y, f"a corner of {what}", 0.0, 1.0) for y in value[1])
    if not xs or len(xs) != len(ys) or list(xs) != sorted(xs) or list(ys) != sorted(ys):
        raise ValueError(f"the curve of {what} rises from corner to corner")
    return xs, ys


def _conformal(schema: Schema, attribute: Attribute, value: Mapping[str, Any]) -> Conformal:
    what, top = f"the set of {attribute.id}", schema.category_attribute
    if value["method"] not in ([""] if attribute.kind is Kind.NUMERIC else SET_SCORES):
        raise ValueError(f"{what} is decided by one of {', '.join(SET_SCORES)}. Found {value['method']!r}")
    for name in value["categories"]:
        if top is None or name not in top.classes:
            raise ValueError(f"{what} has a quantile for {name!r}, which is no category")
    quantile = value["quantile"]
    return Conformal(
        method=value["method"],
        coverage=_number(value["coverage"], f"the coverage of {what}", 0.0, 1.0),
        quantile=None if quantile is None else _number(quantile, f"the quantile of {what}", 0.0, LARGEST),
        rows=int(_number(value["rows"], f"the rows of {what}", 0, LARGEST)),
        categories={
            name: _number(found, f"the quantile of {what}", 0.0, LARGEST) for name, found in value["categories"].items()
        },
    )


def _width(attribute: Attribute) -> int:
    return {Kind.BINARY: 1, Kind.MULTILABEL: len(attribute.classes)}.get(attribute.kind, 0)


def check_thresholds(schema: Schema, thresholds: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Thresholds as they are used.

    Raises:
        ValueError: An attribute that is not in the schema, another number of them than it has labels, or no number.
    """
    by_id = {attribute.id: attribute for attribute in schema.attributes}
    found: dict[str, tuple[float, ...]] = {}
    for key, values in thresholds.items():
        if key not in by_id or len(values) != _width(by_id[key]):
            raise ValueError(f"thresholds[{key!r}] has one number per label of the attribute. Found {values!r}")
        found[key] = tuple(_number(value, f"a threshold of {key}", 0.0, NEVER) for value in values)
    return found


def scales_to_dict(scales: Mapping[str, NumberScale]) -> dict[str, Any]:
    """Plain data."""
    return {
        key: {"transform": str(scale.transform), "mean": scale.mean, "deviation": scale.deviation}
        for key, scale in scales.items()
    }


def scales_from_dict(schema: Schema, data: Mapping[str, Any]) -> dict[str, NumberScale]:
    """The inverse of `scales_to_dict`.

    Raises:
        ValueError: A numeric attribute without a scale, or a number out of its range.
    """
    scales = {
        key: NumberScale(
            transform=Transform(value["transform"]),
            mean=_number(value["mean"], f"the mean of {key}", -sys.float_info.max, sys.float_info.max),
            deviation=_number(value["deviation"], f"the deviation of {key}", 0.0, sys.float_info.max),
        )
        for key, value in data.items()
    }
    for attribute in schema.attributes:
        if attribute.kind is Kind.NUMERIC and attribute.id not in scales:
            raise ValueError(f"{attribute.id} is a number, and has no scale")
    return scales


def policy_from_dict(schema: Schema, data: Mapping[str, Any] | None) -> Policy:
    """The inverse of `policy_to_dict`; an empty policy for None, which is what bundles without one have.

    Raises:
        ValueError: Another version, an attribute that is not in the schema, a number out of its range, or a shape that
            does not fit.
    """
    if data is None:
        return Policy()
    if data["version"] != VERSION:
        raise ValueError(f"its decisions have version {data['version']!r}; this version of facetwise reads {VERSION}")
    by_id = {attribute.id: attribute for attribute in schema.attributes}
    given = data["calibration"]
    tops, shifts = given.get("tops", {}), given.get("shifts", {})  # bundles from before there were any have none
    mappings = (given["temperatures"], given["labels"], given["applies"], tops, shifts, data["conformal"])
    for mapping in (*mappings, *(data[name] for name in ("least", "shares", "goals", "flags"))):
        for key in mapping:
            if key not in by_id:
                raise ValueError(f"its decisions are about {key!r}, which is no attribute of the schema")
    for key, found in given["labels"].items():
        if len(found) != _width(by_id[key]):
            raise ValueError(f"the calibration of {key} has one entry per label. Found {len(found)}")
    for key, found in shifts.items():
        alone = by_id[key].parent is None and not schema.children(by_id[key].column)
        if key not in given["temperatures"] or not alone or not 0 < len(found) <= len(by_id[key].classes):
            raise ValueError(f"{key} has a temperature, neither parent nor child, and no more shifts than classes")
    return Policy(
        calibration=Calibration(
            temperatures={
                k: _number(v, f"the temperature of {k}", 1e-6, 1e6) for k, v in given["temperatures"].items()
            },
            labels={k: tuple(_fitted(each, k) for each in found) for k, found in given["labels"].items()},
            applies={k: _line(v, k) for k, v in given["applies"].items()},
            tops={k: _line(v, k) for k, v in tops.items()},
            shifts={
                k: tuple(_number(each, f"a shift of {k}", -LARGEST_SHIFT, LARGEST_SHIFT) for each in v)
                for k, v in shifts.items()
            },
        ),
        least={k: _number(v, f"the least confidence of {k}", 0.0, NEVER) for k, v in data["least"].items()},
        shares={k: _number(v, f"the share of {k}", 0.0, 1.0) for k, v in data["shares"].items()},
        goals={k: _goal(v) for k, v in data["goals"].items()},
        conformal={k: _conformal(schema, by_id[k], v) for k, v in data["conformal"].items()},
        flags={k: tuple(str(told) for told in v) for k, v in data["flags"].items()},
        rules=_rules(schema, data.get("rules", [])),  # bundles from before there were rules have none
        hierarchy=_hierarchy(data.get("hierarchy", "off")),  # nor did they settle hierarchies
    )


def _rules(schema: Schema, listed: Any) -> tuple[Rule, ...]:
    found = [rule_from_dict(one) for one in listed]
    for rule in found:
        if isinstance(rule, str):
            raise ValueError(f"one of its rules cannot be read: {rule}")
        for column, classes in (*rule.given, (rule.column, rule.classes)):
            if column not in schema.index or not set(classes) <= set(schema.attribute(column).classes):
                raise ValueError(f"its rule {str(rule)!r} is not about the schema's attributes and classes")
    return tuple(rule for rule in found if isinstance(rule, Rule))


def _hierarchy(text: Any) -> str:
    if text not in HIERARCHIES:
        raise ValueError(f"its hierarchies are settled by one of {', '.join(HIERARCHIES)}. Found {text!r}")
    return text


def _goal(text: str) -> str:
    Goal.parse(text)
    return text
