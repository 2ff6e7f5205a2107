"""How far the numbers would move on other items: bootstrap intervals over groups, not over rows."""

from dataclasses import dataclass

import numpy as np

from facetwise.metrics._calibration_error import bin_edges, calibration_error
from facetwise.metrics._categories import belonging
from facetwise.metrics._cells import ONE_CLASS, WITH_CLASSES, Cells
from facetwise.metrics._confusion import Counts, Tally
from facetwise.metrics._known import divide, mean_known
from facetwise.metrics._rates import harmonic
from facetwise.schema import Kind, Schema

__all__ = ["RESAMPLES", "Interval", "Resamples", "bootstrap_intervals", "calibration_interval", "draw_resamples"]

# Resamples of a percentile interval: the usual thousand (Efron, Tibshirani 1993, section 13.4).
RESAMPLES = 1000
# More groups than this are first thrown together at random into so many blocks; the width of an interval from 1,000
# blocks is within 1 / sqrt(2 * 1,000) = 2 % of that from all groups.
MOST_BLOCKS = 1000
# Counts of blocks and classes held at once; with more classes there are fewer blocks, but not fewer than this.
_MOST_COUNTS, _FEWEST_BLOCKS = 4_000_000, 60
_COLUMNS = 4096
# Counts of blocks, categories and classes: of the nested harmonic mean so many at once (200 MB), and not more than so
# many in all, or going through the items in turns would take longer than everything else.
_NESTED_AT_ONCE, _MOST_NESTED = 8_000_000, 32_000_000
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Resamples:
    """Groups thrown together in blocks, and how often each block is drawn.

    Args:
        code: (item,) its block; 0 for items without labels, which no sum counts.
        count: How many blocks.
        drawn: (resample, block) float64.
    """

    code: np.ndarray
    count: int
    drawn: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(resample, column) sums of (item, column) values."""
        return self.drawn @ _sums(self.code, self.count, values)


def draw_resamples(cells: Cells, groups: np.ndarray, width: int, resamples: int) -> Resamples | None:
    """Draw whole groups; None from fewer than two.

    Args:
        cells: Truth beside decisions.
        groups: (item,) anything; items that stay together.
        width: Number of score columns.
        resamples: How many.
    """
    told_of = cells.labelled.any(axis=1)  # an item without labels is evidence of nothing: it is not drawn
    inside, count = _blocks(groups[told_of], width)
    code = np.zeros(len(groups), dtype=np.int64)
    code[told_of] = inside
    if count < 2:
        return None
    drawn = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1.0 / count), size=resamples)
    return Resamples(code=code, count=count, drawn=drawn.astype(np.float64))


def bootstrap_intervals(counted: Tally, found: Resamples) -> tuple[dict[str, dict[str, Interval]], dict[str, Interval]]:
    r"""95 % percentile intervals of the main metrics, per column and overall.

    Whole groups are drawn with replacement, G of G: two pictures of one product are not two pieces of evidence. Every
    metric is a function of sums over items, so a resample is a product of counts: with w_g how often group g was drawn
    and n_{g,c} the count of class c in it, the count of the resample is Σ_g w_g n_{g,c}, and all resamples of all
    classes are one matrix product.

    Source: Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval); Davison,
    Hinkley 1997, section 3.8 (resampling clusters). Above `MOST_BLOCKS` groups ours resamples random blocks of groups.

    Args:
        counted: Classes on labelled cells.
        found: How often each group is drawn.

    Returns:
        By column, and overall, the metrics of which there is an interval. The nested harmonic mean has none where
        categories times classes are too many to count by block.
    """
    schema, cells = counted.schema, counted.cells
    given = counted.counts_by(found.code, 0, found.count)
    rates = _class_rates(schema, given, found.drawn) | _cell_rates(cells, found)
    names = {"macro_f1": "macro_f1", "micro_f1": "micro_f1", "harmonic_mean": "harmonic_mean"}
    one = {"accuracy": "right", "decided_accuracy": "decided_right", "mean_class_accuracy": "mean_class_accuracy"}
    several = {"exact_match": "right", "decided_exact_match": "decided_right"}

    told: dict[str, dict[str, Interval]] = {}
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is Kind.NUMERIC:
            drawn = _number_errors(counted, place, found)
        else:
            own = (one if attribute.kind in ONE_CLASS else several) | names
            drawn = {name: rates[key][:, place] for name, key in own.items()}
        told[attribute.column] = _intervals(drawn)
    overall = {"exact_match": _exact(cells, found), "nested_harmonic_mean": _nested(counted, found, rates)}
    for name, places in (
        ("accuracy", schema.of_kind(*ONE_CLASS)),
        ("decided_accuracy", schema.of_kind(*ONE_CLASS)),
        ("macro_f1", schema.of_kind(*WITH_CLASSES)),
        ("harmonic_mean", schema.of_kind(*WITH_CLASSES)),
    ):
        if len(places):
            overall[f"mean_{name}"] = mean_known(rates[(one | names)[name]][:, list(places)], axis=1)
    return told, _intervals(overall)


def calibration_interval(
    found: Resamples, items: np.ndarray, confidence: np.ndarray, right: np.ndarray
) -> Interval | None:
    """95 % interval of the calibration error of one attribute, over groups.

    The bins stay those of all rows. A resample's error is on average larger than the error itself, since the noise of
    every bin counts as error, so the resamples are moved by that difference (Efron, Tibshirani 1993, section 10.6),
    and end at 0.

    Args:
        found: How often each group is drawn.
        items: (row,) which item each row is of.
        confidence: (row,) chances of what is given, rising.
        right: (row,) bool.
    """
    error = calibration_error(confidence, right)
    if error is None:
        return None
    sure = confidence.astype(np.float64)
    edges = bin_edges(sure)
    inside = np.repeat(np.arange(len(edges)), np.diff(edges, append=len(sure)))
    shape, block = (found.count, len(edges)), found.code[items]
    gaps = np.bincount(block * shape[1] + inside, weights=right - sure, minlength=shape[0] * shape[1]).reshape(shape)
    rows = np.bincount(block, minlength=found.count)
    drawn = divide(np.abs(found.drawn @ gaps).sum(axis=1), found.drawn @ rows)
    return _interval(np.maximum(drawn - (mean_known(drawn) - error), 0.0))


def _intervals(drawn: dict[str, np.ndarray]) -> dict[str, Interval]:
    found = {name: _interval(values) for name, values in drawn.items()}
    return {name: each for name, each in found.items() if each is not None}


def _class_rates(schema: Schema, counts: Counts, drawn: np.ndarray) -> dict[str, np.ndarray]:
    """(resample, attribute) F1 in its means, and mean recall, in turns over the classes of (block, class) counts."""
    owner = np.array([place for place, block in enumerate(schema.layout().blocks)
                      for _ in range(block.score_start, block.score_stop)])  # fmt: skip
    some = np.flatnonzero((counts.support + counts.predicted).any(axis=0))  # others are in no resample
    shape = (len(drawn), len(schema.attributes))
    summed, seen, hits, either, recalled, present = (np.zeros(shape) for _ in range(6))
    for start in range(0, len(some), _COLUMNS):
        own = some[start : start + _COLUMNS]
        support, hit = drawn @ counts.support[:, own], drawn @ counts.hits[:, own]
        both = support + drawn @ counts.predicted[:, own]
        places, first = np.unique(owner[own], return_index=True)
        parts = (
            np.where(both > 0, divide(2.0 * hit, both), 0.0), both > 0, hit, both,
            np.where(support > 0, divide(hit, support), 0.0), support > 0,
        )  # fmt: skip
        for total, part in zip((summed, seen, hits, either, recalled, present), parts, strict=True):
            total[:, places] += np.add.reduceat(part.astype(np.float64), first, axis=1)
    macro, micro = divide(summed, seen), divide(2.0 * hits, either)
    return {
        "macro_f1": macro, "micro_f1": micro, "harmonic_mean": harmonic(micro, macro),
        "mean_class_accuracy": divide(recalled, present),
    }  # fmt: skip


def _cell_rates(cells: Cells, found: Resamples) -> dict[str, np.ndarray]:
    """(resample, attribute) shares of labelled cells that are right, as given and as decided."""
    right, labelled = cells.labelled & cells.right, found.sums(cells.labelled)
    return {
        "right": divide(found.sums(right), labelled),
        "decided_right": divide(found.sums(right & cells.decided), labelled),
    }


def _number_errors(counted: Tally, place: int, found: Resamples) -> dict[str, np.ndarray]:
    """(resample,) `mae`, `rmse` and `r2` of a numeric attribute; see `number_errors`."""
    rows = counted.cells.labelled[:, place]
    if not rows.any():
        return {}
    true = counted.truth.number[rows, place]
    off = np.abs(true - counted.decisions.number[rows, place])
    # Divided by the largest, and counted from the mean, so that squares neither overflow nor cancel.
    largest, spread = float(off.max()) or 1.0, float(true.std()) or 1.0
    from_mean = (true - true.mean()) / spread
    small = off / largest
    values = np.zeros((len(rows), 5))
    values[rows] = np.stack([np.ones(len(true)), small, small**2, from_mean, from_mean**2], axis=1)
    cells, mean_off, mean_square, mean, square = found.sums(values).T
    mean_off, mean_square, mean, square = (divide(each, cells) for each in (mean_off, mean_square, mean, square))
    variance = np.maximum(square - mean**2, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.square(np.float64(largest) / spread)
        unexplained = divide(mean_square, np.where(variance > 1e-12, variance, 0.0)) * scale
    unexplained[~np.isfinite(unexplained)] = np.nan  # of a diverged model
    return {"mae": largest * mean_off, "rmse": largest * np.sqrt(mean_square), "r2": 1.0 - unexplained}


def _exact(cells: Cells, found: Resamples) -> np.ndarray:
    """(resample,) share of the items that have all labelled cells right."""
    some = cells.classes.any(axis=1)
    right = some & ~(cells.classes & ~cells.right).any(axis=1)
    sums = found.sums(np.stack([right, some], axis=1))
    return divide(sums[:, 0], sums[:, 1])


def _nested(counted: Tally, found: Resamples, rates: dict[str, np.ndarray]) -> np.ndarray:
    """(resample,) nested harmonic mean, as in `by_category`; NaN without a known category, and of too many counts."""
    schema, category = counted.schema, counted.schema.category_attribute
    belongs = None if category is None else belonging(schema)
    if category is None or belongs is None or not belongs.any():
        return mean_known(rates["harmonic_mean"], axis=1)
    place = schema.index[category.column]
    known = counted.cells.labelled[:, place]
    present = np.unique(counted.truth.index[known, place])
    if not len(present) or len(present) * found.count * counted.width > _MOST_NESTED:
        return np.full(len(found.drawn), np.nan)
    dense = np.zeros(len(category.classes), dtype=np.int64)
    dense[present] = np.arange(len(present))
    code = np.full(len(known), -1, dtype=np.int64)
    code[known] = dense[counted.truth.index[known, place]] * found.count + found.code[known]
    step, parts = max(1, _NESTED_AT_ONCE // (found.count * counted.width)), []
    for start in range(0, len(present), step):
        own = present[start : start + step]
        counts = counted.counts_by(code, start * found.count, (start + len(own)) * found.count)
        for number, name in enumerate(own.tolist()):
            rows = slice(number * found.count, (number + 1) * found.count)
            part = Counts(support=counts.support[rows], predicted=counts.predicted[rows], hits=counts.hits[rows])
            told = _class_rates(schema, part, found.drawn)["harmonic_mean"]
            parts.append(mean_known(told[:, belongs[name]], axis=1))
    return mean_known(np.stack(parts, axis=1), axis=1)
