"""How far the numbers would move on other items: bootstrap intervals over groups, not over rows."""

from collections.abc import Mapping

import numpy as np

from facetwise.metrics._cells import ONE_CLASS, Cells
from facetwise.metrics._confusion import Tally
from facetwise.metrics._known import divide, mean_known
from facetwise.schema import Kind

__all__ = ["RESAMPLES", "Interval", "bootstrap_intervals"]

# Resamples of a percentile interval: the usual thousand (Efron, Tibshirani 1993, section 13.4).
RESAMPLES = 1000
# More groups than this are first thrown together at random into so many blocks; the width of an interval from 1,000
# blocks is within 1 / sqrt(2 * 1,000) = 2 % of that from all groups.
MOST_BLOCKS = 1000
# Counts of blocks and classes held at once; with more classes there are fewer blocks, but not fewer than this.
_MOST_COUNTS, _FEWEST_BLOCKS = 4_000_000, 60
_COLUMNS = 4096
_SEED = 0
_TAIL = 2.5

# Lowest and highest of the middle 95 %.
Interval = tuple[float, float]


def _blocks(groups: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """(item,) block of each item, and how many blocks there are; a group is never in two of them."""
    _, code = np.unique(groups, return_inverse=True)
    count = int(code.max(initial=-1)) + 1
    most = min(MOST_BLOCKS, max(_FEWEST_BLOCKS, _MOST_COUNTS // max(1, width)))
    if count <= most:
        return code, count
    order = np.random.default_rng(_SEED).permutation(count)
    return (order % most)[code], most


def _interval(drawn: np.ndarray) -> Interval | None:
    """Percentiles of the resamples in which the number exists; None where it exists in fewer than nine of ten."""
    known = drawn[~np.isnan(drawn)]
    if len(known) < 0.9 * len(drawn) or not len(known):
        return None
    low, high = np.percentile(known, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def _sums(code: np.ndarray, blocks: int, values: np.ndarray) -> np.ndarray:
    """(block, column) sums of (item, column) values."""
    return np.stack([np.bincount(code, weights=column, minlength=blocks) for column in values.T], axis=1)


def bootstrap_intervals(
    counted: Tally, off: Mapping[int, np.ndarray], groups: np.ndarray, *, resamples: int = RESAMPLES
) -> tuple[dict[str, dict[str, Interval]], dict[str, Interval]]:
    r"""95 % percentile intervals of the main metrics, per column and overall.

    Whole groups are drawn with replacement, G of G: two pictures of one product are not two pieces of evidence. Every
    metric is a function of sums over items, so a resample is a product of counts: with w_g how often group g was drawn
    and n_{g,c} the count of class c in it, the count of the resample is Σ_g w_g n_{g,c}, and all resamples of all
    classes are one matrix product.

    Source: Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval); Davison,
    Hinkley 1997, section 3.8 (resampling clusters). Above `MOST_BLOCKS` groups ours resamples random blocks of groups.

    Args:
        counted: Classes on labelled cells.
        off: By place of a numeric attribute (item,) the distance of the number given to the true one, 0 where the
            truth has none.
        groups: (item,) anything; items that stay together.
        resamples: How many.

    Returns:
        By column, and overall, the metrics of which there is an interval; nothing from fewer than two groups.
    """
    schema, cells = counted.schema, counted.cells
    told_of = cells.labelled.any(axis=1)  # an item without labels is evidence of nothing: it is not drawn
    inside, count = _blocks(groups[told_of], counted.width)
    code = np.zeros(len(groups), dtype=np.int64)
    code[told_of] = inside
    if count < 2:
        return {}, {}
    drawn = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1.0 / count), size=resamples)
    drawn = drawn.astype(np.float64)
    rates = _class_rates(counted, drawn, code, count) | _cell_rates(cells, drawn, code, count)
    distances = {
        place: divide(drawn @ np.bincount(code, weights=off[place], minlength=count), rates["labelled"][:, place])
        for place in schema.of_kind(Kind.NUMERIC)
    }

    told: dict[str, dict[str, Interval]] = {}
    shown = {"accuracy": [], "macro_f1": [], "decided_accuracy": []}
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is Kind.NUMERIC:
            found = {"mae": _interval(distances[place])}
            told[attribute.column] = {name: each for name, each in found.items() if each is not None}
            continue
        if attribute.kind in ONE_CLASS:
            names = {"accuracy": "right", "decided_accuracy": "decided_right"}
            for name in ("accuracy", "decided_accuracy"):
                shown[name].append(rates[names[name]][:, place])
        else:
            names = {"exact_match": "right", "decided_exact_match": "decided_right"}
        names |= {"macro_f1": "macro_f1", "micro_f1": "micro_f1"}
        shown["macro_f1"].append(rates["macro_f1"][:, place])
        found = {name: _interval(rates[key][:, place]) for name, key in names.items()}
        told[attribute.column] = {name: each for name, each in found.items() if each is not None}
    overall = {f"mean_{name}": mean_known(np.stack(each)) for name, each in shown.items() if each}
    overall["exact_match"] = _exact(cells, drawn, code, count)
    known = {name: _interval(values) for name, values in overall.items()}
    return told, {name: each for name, each in known.items() if each is not None}


def _class_rates(counted: Tally, drawn: np.ndarray, code: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """(resample, attribute) macro and micro F1, in turns over the classes."""
    counts = counted.counts_by(code, 0, count)
    owner = np.array([place for place, block in enumerate(counted.schema.layout().blocks)
                      for _ in range(block.score_start, block.score_stop)])  # fmt: skip
    shape = (len(drawn), len(counted.schema.attributes))
    summed, seen, hits, either = (np.zeros(shape) for _ in range(4))
    for start in range(0, counted.width, _COLUMNS):
        own = slice(start, min(start + _COLUMNS, counted.width))
        both = drawn @ (counts.support[:, own] + counts.predicted[:, own])
        hit = drawn @ counts.hits[:, own]
        places, first = np.unique(owner[own], return_index=True)
        parts = (np.where(both > 0, divide(2.0 * hit, both), 0.0), both > 0, hit, both)
        for total, part in zip((summed, seen, hits, either), parts, strict=True):
            total[:, places] += np.add.reduceat(part.astype(np.float64), first, axis=1)
    return {"macro_f1": divide(summed, seen), "micro_f1": divide(2.0 * hits, either)}


def _cell_rates(cells: Cells, drawn: np.ndarray, code: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """(resample, attribute) shares of labelled cells that are right, as given and as decided."""
    right = cells.labelled & cells.right
    labelled = drawn @ _sums(code, count, cells.labelled)
    return {
        "labelled": labelled,
        "right": divide(drawn @ _sums(code, count, right), labelled),
        "decided_right": divide(drawn @ _sums(code, count, right & cells.decided), labelled),
    }


def _exact(cells: Cells, drawn: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    """(resample,) share of the items that have all labelled cells right."""
    some = cells.classes.any(axis=1)
    right = some & ~(cells.classes & ~cells.right).any(axis=1)
    sums = drawn @ _sums(code, count, np.stack([right, some], axis=1))
    return divide(sums[:, 0], sums[:, 1])
