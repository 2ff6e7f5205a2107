"""Rules that the training table itself keeps: one class of an attribute implies, or excludes, one of another."""

from dataclasses import dataclass

import numpy as np

from facetwise.schema import VALUE, Kind, Labels, Rule, Schema

__all__ = ["Mined", "lower_bound", "mine_rules"]

_KINDS = (Kind.CATEGORICAL, Kind.BINARY, Kind.ORDINAL)
# Rows with the class before the arrow at least.
FEWEST = 20
# Share of rows that keep the rule, as it may be with the chance of 1 in 40 that it is lower (Wilson's interval, 95 %).
LEAST = 0.95
Z = 1.96
# An exclusion is told where chance alone would have let this many rows break it; of 10⁶ pairs of classes about
# exp(-20) 10⁶ = 0.002 would pass by chance.
EXPECTED = 20.0
# Rows whose one-hot matrix is in memory at once.
BLOCK = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A rule and what it rests on.

    Args:
        rule: The rule.
        support: Rows that have the class before the arrow, and the other attribute's cell.
        broken: Of these, rows that break it.
        bound: Lower bound of the share that keeps it.
    """

    rule: Rule
    support: int
    broken: int
    bound: float


def lower_bound(kept: np.ndarray, count: np.ndarray) -> np.ndarray:
    r"""Wilson's lower bound of a share: (p + z²/2n - z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Source: Wilson (1927), Probable inference.

    >>> lower_bound(np.array([20.0, 100.0]), np.array([20.0, 100.0])).round(3).tolist()
    [0.839, 0.963]
    """
    count = np.maximum(count, 1e-9)
    share = kept / count
    spread = Z * np.sqrt(np.maximum(share * (1 - share), 0.0) / count + Z**2 / (4 * count**2))
    return (share + Z**2 / (2 * count) - spread) / (1 + Z**2 / count)


def _counts(labels: Labels, places: list[int], widths: list[int]) -> np.ndarray:
    """(class, class) rows that have both, over all attributes of one class per item."""
    starts = np.concatenate([[0], np.cumsum(widths)])
    total = np.zeros((starts[-1], starts[-1]))
    for begin in range(0, len(labels), BLOCK):
        index = labels.index[begin : begin + BLOCK][:, places]
        known = labels.state[begin : begin + BLOCK][:, places] == VALUE
        hot = np.zeros((len(index), starts[-1]), dtype=np.float32)
        rows, columns = np.nonzero(known & (index >= 0))
        hot[rows, starts[columns] + index[rows, columns]] = 1.0
        total += hot.T @ hot
    return total


def _chains(schema: Schema, places: list[int]) -> np.ndarray:
    """(attribute,) number of the hierarchy that each belongs to: what that says already is no rule."""
    top = []
    for place in places:
        attribute = schema.attributes[place]
        while attribute.parent is not None:
            attribute = schema.attribute(attribute.parent.column)
        top.append(schema.index[attribute.column])
    return np.array(top)


def mine_rules(
    schema: Schema, labels: Labels, *, fewest: int = FEWEST, least: float = LEAST, most_broken: int = 0
) -> list[Mined]:
    """Implications A = a → B = b and exclusions A = a → never B = b, the surest first.

    Left out: what the hierarchy says already; implications of a class that nearly all rows have anyway (its own share
    is at least the bound of the rule); exclusions that an implication of the same class contains.

    One product of the one-hot matrix with itself counts all pairs: 10⁵ rows of 40 attributes take seconds.

    Args:
        schema: The vocabulary.
        labels: Of the training rows.
        fewest: Rows that an implication rests on at least.
        least: Lower bound of the share that keeps it.
        most_broken: Rows that may break a rule; by default none.

    Source: support and confidence: Agrawal, Imieliński, Swami (1993), Mining association rules.
    """
    places = list(schema.of_kind(*_KINDS))
    if len(places) < 2:
        return []
    widths = [len(schema.attributes[place].classes) for place in places]
    owner = np.repeat(np.arange(len(places)), widths)
    both = _counts(labels, places, widths)
    member = (owner[:, None] == np.arange(len(places))[None]).astype(np.float64)  # (class, attribute)
    told = (both @ member)[:, owner]  # rows with class a in which the attribute of b has a value
    chain = _chains(schema, places)[owner]
    related = chain[:, None] == chain[None]
    share = np.diag(both) / np.maximum((np.diag(both) @ member)[owner], 1.0)  # of b among the values of its attribute
    bound = lower_bound(both, told)
    implied = ~related & (told >= fewest) & (bound >= least) & (told - both <= most_broken) & (share[None] < bound)
    # One class that implies another excludes all the others of that attribute.
    contained = (implied.astype(np.float64) @ member > 0)[:, owner]
    expected = told * share[None]
    # And what excludes a class by implying another one is excluded by that class: the same rule read backwards.
    excluded = ~related & ~contained & ~contained.T & (expected >= EXPECTED) & (both <= most_broken)
    excluded &= lower_bound(told - both, told) >= least
    # The same exclusion from both sides is one rule.
    mirrored = np.triu(excluded & excluded.T, 1)
    excluded &= ~mirrored.T
    names = [(schema.attributes[place].column, name) for place in places for name in schema.attributes[place].classes]
    found = []
    for never, kept in ((False, implied), (True, excluded)):
        for one, other in np.argwhere(kept):
            (column, name), (about, value) = names[one], names[other]
            rule = Rule(given=((column, (name,)),), column=about, classes=(value,), never=never)
            rows, hits = int(told[one, other]), int(both[one, other])
            sure = lower_bound(np.array([rows - hits if never else hits]), np.array([rows]))[0]
            found.append(Mined(rule=rule, support=rows, broken=hits if never else rows - hits, bound=float(sure)))
    return sorted(found, key=lambda one: (-one.bound, -one.support, str(one.rule)))
