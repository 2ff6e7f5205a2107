"""Sets of classes, and intervals of numbers, that hold the truth as often as was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema, Transform

__all__ = ["SET_SCORES", "Conformal", "conformal_quantile", "fit_conformal", "intervals", "prediction_sets"]

# With n rows the coverage of new items scatters by sqrt(a (1 - a) / (n + 2)) around 1 - a: 0.03 with 100 rows at 0.9.
# Categories with fewer are held together, and so are those with too few for a finite quantile: 199 for 0.995.
FEWEST_OF_CATEGORY = 100
# A deviation that a number cannot be measured against.
SMALLEST = 1e-12


def least_ambiguous(chances: np.ndarray, uniform: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG001
    """(row, class) 1 - p_c: the smallest sets on average.

    Source: Sadinle, Lei, Wasserman 2019, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels".
    """
    return 1.0 - chances


def adaptive(chances: np.ndarray, uniform: np.ndarray | None = None) -> np.ndarray:
    """(row, class) the mass of all more probable classes: sets that grow where the model is unsure.

    Args:
        chances: (row, class) probabilities.
        uniform: (row,) numbers between 0 and 1: that share of the class's own mass is left out, which makes the
            coverage exact instead of at least as high; without it all of it is, and the same picture always gets the
            same set.

    Source: Romano, Sesia, Candès 2020, "Classification with Valid and Adaptive Coverage", section 2: the set is closed
    with the class whose mass crosses the quantile. Counting a class's own mass in full, as other code does, makes the
    surest rows the strangest: their sets are empty, and those of all others nearly everything (on a fashion catalogue
    16 of 76 classes instead of 2).
    """
    chances = chances.astype(np.float64)
    order = np.argsort(-chances, axis=1, kind="stable")
    mass = np.empty_like(chances)
    np.put_along_axis(mass, order, np.cumsum(np.take_along_axis(chances, order, axis=1), axis=1), axis=1)
    return mass - (1.0 if uniform is None else uniform[:, None]) * chances


# How strange a class is for a row.
SET_SCORES: dict[str, Callable[..., np.ndarray]] = {"lac": least_ambiguous, "aps": adaptive}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformal:
    """What decides the sets or intervals of one attribute.

    Args:
        method: A name of `SET_SCORES`; "" for numbers.
        coverage: Share of the cells whose set or interval holds the truth.
        quantile: Of the strangeness of the true class (numbers: of the error in predicted deviations); None where
            there are too few validation cells: the set is everything.
        rows: Validation cells that it rests on.
        categories: Class of the category attribute (as predicted) to a quantile of its own; `quantile` is of all
            others together.
    """

    method: str
    coverage: float
    quantile: float | None
    rows: int
    categories: Mapping[str, float] = field(default_factory=dict)


def conformal_quantile(strangeness: np.ndarray, coverage: float) -> float | None:
    """The ceil((n + 1) coverage)-th smallest of n; None where that is beyond the largest.

    With it P(a new item is at most as strange) is at least `coverage`, and at most coverage + 1 / (n + 1), if the rows
    and the new item are exchangeable.

    Source: Vovk, Gammerman, Shafer 2005; Lei et al. 2018, theorem 2.

    >>> conformal_quantile(np.arange(1.0, 20.0), 0.9), conformal_quantile(np.arange(8.0), 0.9)
    (18.0, None)
    """
    rank = _rank(len(strangeness), coverage)
    return float(np.sort(strangeness)[rank - 1]) if 0 < rank <= len(strangeness) else None


def _rank(rows: int, coverage: float) -> int:
    return int(np.ceil(round((rows + 1) * coverage, 9)))


def _stands_alone(rows: int, coverage: float) -> bool:
    return rows >= FEWEST_OF_CATEGORY and _rank(rows, coverage) <= rows


def _number_errors(attribute: Attribute, scores: np.ndarray, number: np.ndarray) -> np.ndarray:
    """(row,) |y - mean| / deviation; of the logarithms where the number is learnt as a logarithm."""
    mean, deviation = scores[:, 0].astype(np.float64), scores[:, 1].astype(np.float64)
    if attribute.transform is Transform.LOG:
        deviation = deviation / np.maximum(mean, SMALLEST)
        mean, number = np.log(np.maximum(mean, SMALLEST)), np.log(np.maximum(number, SMALLEST))
    return np.abs(number - mean) / np.maximum(deviation, SMALLEST)


def fit_conformal(
    schema: Schema, chances: np.ndarray, labels: Labels, category: np.ndarray, *, method: str, coverage: float
) -> tuple[dict[str, Conformal], dict[str, list[str]]]:
    """Per attribute the quantile on validation cells with a value; one per category with enough of them.

    Enough is 100, or more where a quantile needs more to be finite. Where validation rows and a new item are
    exchangeable and the chances were not fitted on these rows, the set (or interval) holds the truth with probability
    at least `coverage` given any category that has enough, and given that it is one of the others: of those together,
    not of each. (A calibration that was fitted on the same rows is a few parameters for hundreds of rows.)

    Which categories are pooled must not depend on which of all rows is the new one, so the new one counts too: with it,
    a category that has more than enough stands alone, and all others are the pool. A category with exactly enough
    before has therefore a quantile of its own, and its rows count in the pool, for items of the others. Without that a
    hard category near the limit would be in the pool when it happened to be small, and the pool covered too little.

    Source: Vovk, Gammerman, Shafer 2005, section 4.5 (Mondrian conformal predictors): the taxonomy is a function of the
    bag of all rows, the new one among them.

    Args:
        schema: The vocabulary.
        chances: (item, class) calibrated P(class | applies) of validation rows.
        labels: Their labels.
        category: (item,) class of the category attribute as the model predicts it, -1 without one.
        method: A name of `SET_SCORES`.
        coverage: Between 0 and 1.

    Returns:
        By attribute id, multilabel left out; and which rest on too few cells.
    """
    found: dict[str, Conformal] = {}
    flags: dict[str, list[str]] = {}
    top = schema.category_attribute
    own = {top.column} if top is not None else set()
    while top is not None and top.parent is not None:
        top = schema.attribute(top.parent.column)
        own.add(top.column)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        if attribute.kind is Kind.MULTILABEL:
            continue
        rows = np.flatnonzero(labels.state[:, place] == VALUE)
        scores = chances[rows, block.scores]
        if attribute.kind is Kind.NUMERIC:
            strange = _number_errors(attribute, scores, labels.number[rows, place])
        else:
            strange = SET_SCORES[method](scores)[np.arange(len(rows)), labels.index[rows, place]]
        groups = category[rows] if attribute.column not in own else np.full(len(rows), -1)
        names = () if schema.category_attribute is None else schema.category_attribute.classes
        found[attribute.id], told = _fitted(
            strange, groups, names, method="" if attribute.kind is Kind.NUMERIC else method, coverage=coverage
        )
        if told:
            flags[attribute.id] = told
    return found, flags


def _fitted(
    strange: np.ndarray, groups: np.ndarray, names: tuple[str, ...], *, method: str, coverage: float
) -> tuple[Conformal, list[str]]:
    """The quantiles of one attribute, and what is to be said of them."""
    counts = [int((groups == n).sum()) for n in range(len(names))]
    alone = [n for n, rows in enumerate(counts) if _stands_alone(rows, coverage)]
    rest = strange[~np.isin(groups, [n for n in alone if _stands_alone(counts[n] - 1, coverage)])]
    each = {names[n]: conformal_quantile(strange[groups == n], coverage) for n in alone}
    conformal = Conformal(
        method=method, coverage=coverage, quantile=conformal_quantile(rest, coverage), rows=len(rest),
        categories={name: value for name, value in each.items() if value is not None},
    )  # fmt: skip
    told = [
        f"category {names[n]!r} is held together with others: {rows} validation cells are too few for {coverage:g}"
        for n, rows in enumerate(counts)
        if rows >= FEWEST_OF_CATEGORY and n not in alone
    ]
    if conformal.quantile is None and not 0 < len(names) == len(alone):
        what, scope = "set" if method else "interval", " of the other categories" if alone else ""
        told.append(f"every {what}{scope} is everything: {len(rest)} validation cells for {coverage:g}")
    return conformal, told


def _quantiles(schema: Schema, conformal: Conformal, category: np.ndarray) -> np.ndarray:
    """(row,) the quantile of each row's category; infinite where there is none."""
    rest = np.inf if conformal.quantile is None else conformal.quantile
    if schema.category_attribute is None or not conformal.categories:
        return np.full(len(category), rest)
    table = np.array([conformal.categories.get(name, rest) for name in schema.category_attribute.classes] + [rest])
    return table[category]


def prediction_sets(schema: Schema, conformal: Conformal, chances: np.ndarray, category: np.ndarray) -> np.ndarray:
    """(row, class) bool: the classes that are no stranger than the quantile; never none: the most probable one stays.

    Args:
        schema: The vocabulary.
        conformal: What was fitted for an attribute with classes.
        chances: (row, class) calibrated probabilities of its classes.
        category: (row,) class of the category attribute, -1 without one.
    """
    within = SET_SCORES[conformal.method](chances) <= _quantiles(schema, conformal, category)[:, None]
    within[np.arange(len(within)), chances.argmax(axis=1)] = True
    return within


def intervals(
    schema: Schema, attribute: Attribute, conformal: Conformal, scores: np.ndarray, category: np.ndarray
) -> np.ndarray:
    """(row, 2) float64 lowest and highest number: mean ∓ quantile · deviation, of logarithms where those are learnt.

    Infinite where there is no quantile.

    Source: Lei et al. 2018, "Distribution-Free Predictive Inference for Regression", section 5.2 (locally weighted).
    """
    quantile = _quantiles(schema, conformal, category)
    mean, deviation = scores[:, 0].astype(np.float64), np.maximum(scores[:, 1].astype(np.float64), SMALLEST)
    if attribute.transform is not Transform.LOG:
        return np.stack([mean - quantile * deviation, mean + quantile * deviation], axis=1)
    mean = np.maximum(mean, SMALLEST)
    reach = quantile * np.maximum(deviation / mean, SMALLEST)
    # Beyond exp(700) lies the edge of float64.
    return np.stack(
        [mean * np.exp(-reach), np.where(np.isinf(reach), np.inf, mean * np.exp(np.minimum(reach, 700)))], 1
    )
