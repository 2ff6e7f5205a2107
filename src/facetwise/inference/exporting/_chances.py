"""Calibration as a part of the graph: `facetwise.decisions.calibrate` in ONNX."""

from typing import Any

import numpy as np

from facetwise.decisions import AHEAD, Calibration
from facetwise.inference.exporting._places import LEAST, ONE, ZERO, Places, divided
from facetwise.inference.exporting._weave import Weave
from facetwise.schema import Kind, Schema

__all__ = ["weave_chances", "weave_sure"]


def weave_chances(weave: Weave, places: Places, calibration: Calibration, scores: str) -> str:
    """Packed (item, class) calibrated P(class | applies)."""
    schema = places.schema
    chains = [c for c in _chains(schema) if any(schema.attributes[p].id in calibration.temperatures for p in c)]
    chances = scores
    if alone := [chain[0] for chain in chains if len(chain) == 1]:
        chances = _tempered(weave, places, calibration, alone, scores)
    for chain in chains:
        if len(chain) > 1:
            chances = _temper_chain(weave, places, calibration, chain, scores, chances)
    for place, attribute in enumerate(schema.attributes):
        if (line := calibration.tops.get(attribute.id)) is not None:
            chances = _straight_top(weave, places, place, line, scores, chances)
    return _straight(weave, places, calibration, scores, chances)


def weave_sure(weave: Weave, places: Places, calibration: Calibration, applies: str) -> str:
    """(item, attribute) calibrated P(applies)."""
    lines = [calibration.applies.get(attribute.id) for attribute in places.schema.attributes]
    if not any(lines):
        return applies
    slope = np.array([[1.0 if line is None else line[0] for line in lines]], np.float32)
    offset = np.array([[0.0 if line is None else line[1] for line in lines]], np.float32)
    odds = _odds(weave, weave("Sub", ONE, applies), applies)
    sure = weave("Sigmoid", weave("Add", weave("Mul", odds, slope), offset))
    return weave("Where", np.array([[line is not None for line in lines]]), sure, applies)


def _chains(schema: Schema) -> list[list[int]]:
    """Categorical and ordinal attributes, each parent with its descendants from the top down."""
    child_of = {a.parent.column: place for place, a in enumerate(schema.attributes) if a.parent is not None}
    chains = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL) and attribute.parent is None:
            chain = [place]
            while (child := child_of.get(schema.attributes[chain[-1]].column)) is not None:
                chain.append(child)
            chains.append(chain)
    return chains


def _largest(weave: Weave, packed: str, owner: np.ndarray, zeros: str) -> str:
    """(item, group) the largest of each group's columns; `zeros` has the shape of the result."""
    index = weave("Expand", owner[None].astype(np.int64), weave("Shape", packed))
    return weave("ScatterElements", zeros, index, packed, axis=1, reduction="max")


def _tempered(weave: Weave, places: Places, calibration: Calibration, alone: list[int], scores: str) -> str:
    """(p_c e^(s_c))^(1/T), scaled, of all attributes that have neither parent nor child, at once."""
    attributes, given = places.schema.attributes, scores
    if calibration.shifts:
        factor = np.ones((1, len(places.owner)), np.float32)
        for place, attribute in enumerate(attributes):
            shifts, start = calibration.shifts.get(attribute.id, ()), places.starts[place]
            factor[0, start : start + len(shifts)] = np.exp(shifts)
        scores = weave("Mul", scores, factor)
    power = np.array([1.0 / calibration.temperatures.get(a.id, 1.0) for a in attributes], np.float32)
    zeros = weave("Mul", weave("MatMul", scores, np.zeros_like(places.members)), ZERO)
    top = places.by_class(weave, _largest(weave, scores, places.owner, zeros))
    shares = weave("Pow", divided(weave, scores, top), power[places.owner][None])
    own = np.isin(places.owner, alone)[None]
    shares = weave("Where", own, shares, ZERO)
    return weave("Where", own, divided(weave, shares, places.totals(weave, shares)), given)


def _temper_chain(
    weave: Weave, places: Places, calibration: Calibration, chain: list[int], scores: str, chances: str
) -> str:
    """See `facetwise.decisions.calibrate`: a level is tempered within the classes of the level above."""
    schema, layout = places.schema, places.layout
    tempered: list[str] = []
    whole: str | None = None
    above = ""
    for place in chain:
        attribute, block = schema.attributes[place], layout.blocks[place]
        own = weave.columns(scores, block.score_start, block.score_stop)
        power = np.array(1.0 / calibration.temperatures.get(attribute.id, 1.0), np.float32)
        if attribute.parent is None:
            top = weave("ReduceMax", own, np.array([1]), keepdims=1)
            shares = weave("Pow", divided(weave, own, top), power)
            level = divided(weave, shares, weave.total(shares))
        else:
            classes = schema.attribute(attribute.parent.column).classes
            number = {name: n for n, name in enumerate(classes)}
            parents = np.array([number[attribute.parent.of[name]] for name in attribute.classes])
            members = (parents[:, None] == np.arange(len(classes))[None]).astype(np.float32)
            top = _largest(weave, own, parents, weave("Mul", above, ZERO))
            shares = weave("Pow", divided(weave, own, weave("Gather", top, parents, axis=1)), power)
            sums = weave("Gather", weave("MatMul", shares, members), parents, axis=1)
            ratio = divided(weave, weave("MatMul", own, members), above)
            upper = weave("Gather", weave("Mul", tempered[-1], ratio), parents, axis=1)
            level = weave("Mul", divided(weave, shares, sums), upper)
            total = weave.total(level)
            whole = _both(weave, whole, weave("Greater", total, ZERO))  # cells that contradict their parent's
            level = weave("Div", level, weave("Max", total, LEAST))
        best = [weave("ArgMax", each, axis=1, keepdims=1) for each in (level, own)]
        whole = _both(weave, whole, weave("Equal", *best))
        tempered.append(level)
        above = own
    assert whole is not None
    for place, level in zip(chain, tempered, strict=True):
        chances = _put(weave, places, place, level, chances, where=whole)
    return chances


def _put(weave: Weave, places: Places, place: int, own: str, chances: str, *, where: str) -> str:
    """The packed chances with those of one attribute changed, in the rows that are told (item, 1)."""
    block, count = places.layout.blocks[place], places.layout.num_scores
    here = np.zeros((1, count), bool)
    here[0, block.scores] = True
    wide = weave("Pad", own, np.array([0, block.score_start, 0, count - block.score_stop]))
    return weave("Where", weave("And", where, here), wide, chances)


def _straight_top(
    weave: Weave, places: Places, place: int, line: tuple[float, float], scores: str, chances: str
) -> str:
    """See `facetwise.decisions.straighten`."""
    block = places.layout.blocks[place]
    own = weave.columns(chances, block.score_start, block.score_stop)
    number = weave("ArgMax", weave.columns(scores, block.score_start, block.score_stop), axis=1, keepdims=1)
    is_top = weave("Equal", np.arange(block.score_stop - block.score_start)[None], number)
    top = weave.total(weave("Where", is_top, own, ZERO))
    others = weave("Where", is_top, ZERO, own)
    rest, second = weave.total(others), weave("ReduceMax", others, np.array([1]), keepdims=1)
    slope, offset = (np.array(value, np.float32) for value in line)
    straight = weave("Sigmoid", weave("Add", weave("Mul", _odds(weave, rest, top), slope), offset))
    least = weave("Mul", divided(weave, second, weave("Add", rest, second)), np.array(AHEAD, np.float32))
    first = weave("GreaterOrEqual", top, second)
    straight = weave("Where", first, weave("Max", straight, least), straight)
    share = divided(weave, weave("Sub", ONE, straight), rest)
    changed = weave("Where", is_top, straight, weave("Mul", others, share))
    return _put(weave, places, place, changed, chances, where=weave("Greater", rest, ZERO))


def _both(weave: Weave, one: str | None, other: str) -> str:
    return other if one is None else weave("And", one, other)


def _odds(weave: Weave, negative: str, positive: str) -> str:
    return weave("Sub", weave("Log", positive), weave("Log", negative))


def _straight(weave: Weave, places: Places, calibration: Calibration, scores: str, chances: str) -> str:
    """Labels: lines all at once, curves one by one, through the log-odds."""
    slope, offset = np.ones(len(places.owner), np.float32), np.zeros(len(places.owner), np.float32)
    lines, curves = np.zeros(len(places.owner), bool), {}
    for place, attribute in enumerate(places.schema.attributes):
        for number, fitted in enumerate(calibration.labels.get(attribute.id, ())):
            column = places.starts[place] + number + (attribute.kind is Kind.BINARY)
            if fitted is None:
                continue
            if isinstance(fitted[0], tuple):
                curves[int(column)] = fitted
            else:
                lines[column], slope[column], offset[column] = True, fitted[0], fitted[1]
    if not lines.any() and not curves:
        return chances
    # The other side of a binary attribute is a column of its own, of a label it is 1 - p.
    binary = places.of_kind(Kind.BINARY)
    before = np.maximum(np.arange(len(binary)) - 1, 0)
    negative = weave("Where", binary[None], weave("Gather", scores, before, axis=1), weave("Sub", ONE, scores))
    odds = _odds(weave, negative, scores)
    straight = weave("Sigmoid", weave("Add", weave("Mul", odds, slope[None]), offset[None]))
    for column, fitted in curves.items():
        here = np.zeros((1, len(binary)), bool)
        here[0, column] = True
        straight = weave("Where", here, _curve(weave, weave.columns(odds, column, column + 1), fitted), straight)
        lines[column] = True
    after = np.minimum(np.arange(len(binary)) + 1, len(binary) - 1)
    # The negative side of a binary attribute lies just before its positive one.
    opposite = np.append(lines[1:] & binary[1:], np.zeros(1, bool)) & binary & ~lines
    other = weave("Sub", ONE, weave("Gather", straight, after, axis=1))
    chances = weave("Where", lines[None], straight, chances)
    return weave("Where", opposite[None], other, chances)


def _curve(weave: Weave, odds: str, fitted: tuple[Any, Any]) -> str:
    """The corners of a rising curve: Σ_k slope_k clip(x - x_k, 0, width_k)."""
    xs, ys = np.array(fitted[0], np.float64), np.array(fitted[1], np.float64)
    curve = weave("Mul", weave("Clip", odds, np.float32(-1), np.float32(1)), ZERO)
    if len(xs) > 1:
        width = np.diff(xs)
        slope = np.diff(ys) / np.maximum(width, 1e-12)
        beyond = weave("Sub", odds, xs[None, :-1].astype(np.float32))
        inside = weave("Max", weave("Min", beyond, width[None].astype(np.float32)), ZERO)
        curve = weave.total(weave("Mul", inside, slope[None].astype(np.float32)))
    curve = weave("Add", curve, np.float32(ys[0]))
    certain = weave.cast(weave("Greater", odds, ZERO), np.float32)
    return weave("Where", weave("IsInf", odds), certain, curve)
