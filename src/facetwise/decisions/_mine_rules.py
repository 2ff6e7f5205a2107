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
# Attributes of more classes are counted pair by pair: a product of one-hot matrices costs the square of all classes.
# Of 200,000 rows with 33 attributes, one of 2,000 classes and five of 300, it took 21 s of a core, the pairs 1.5 s.
WIDE = 32


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
    narrow = [at for at, width in enumerate(widths) if width <= WIDE]
    within = np.concatenate([[0], np.cumsum([widths[at] for at in narrow])]).astype(np.int64)
    classes = np.concatenate([np.arange(starts[at], starts[at + 1]) for at in narrow] or [np.arange(0)])
    small = np.zeros((len(classes), len(classes)))
    for begin in range(0, len(labels), BLOCK):
        known = labels.state[begin : begin + BLOCK][:, places] == VALUE
        codes = np.where(known, labels.index[begin : begin + BLOCK][:, places], -1).astype(np.int64)
        hot = np.zeros((len(codes), len(classes)), dtype=np.float32)
        rows, columns = np.nonzero(codes[:, narrow] >= 0)
        hot[rows, within[columns] + codes[:, narrow][rows, columns]] = 1.0
        small += hot.T @ hot
        for one in range(len(places)):
            for other in range(one, len(places)):
                if max(widths[one], widths[other]) > WIDE:
                    both = (codes[:, one] >= 0) & (codes[:, other] >= 0)
                    pairs = codes[both, one] * widths[other] + codes[both, other]
                    found = np.bincount(pairs, minlength=widths[one] * widths[other])
                    total[starts[one] : starts[one + 1], starts[other] : starts[other + 1]] += found.reshape(
                        widths[one], widths[other]
                    )
    total[np.ix_(classes, classes)] = small
    # Pairs of which one is wide were counted above the diagonal.
    return np.triu(total) + np.triu(total, 1).T


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

    One product of the one-hot matrix with itself counts all pairs of classes, but for attributes of very many.

    Args:
        schema: The vocabulary.
        labels: Of the training rows.
        fewest: Rows that an implication rests on at least.
        least: Lower bound of the share that keeps it.
        most_broken: Rows that may break a rule; by default none. An exclusion may be broken by 1 - `least` of the rows
            at most that chance alone would let break it.

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
    # A rare class is excluded by every other in nearly all rows: its exceptions must be rare beside what chance makes.
    excluded &= both <= (1 - least) * expected
    # The same exclusion from both sides is one rule.
    mirrored = np.triu(excluded & excluded.T, 1)
    excluded &= ~mirrored.T
    names = [(schema.attributes[place].column, name) for place in places for name in schema.attributes[place].classes]
    found = []
    for never, chosen, right in ((False, implied, both), (True, excluded, told - both)):
        sure = lower_bound(right[chosen], told[chosen])
        for (one, other), bounded in zip(np.argwhere(chosen), sure.tolist(), strict=True):
            (column, name), (about, value) = names[one], names[other]
            rule = Rule(given=((column, (name,)),), column=about, classes=(value,), never=never)
            rows, kept = int(told[one, other]), int(right[one, other])
            found.append(Mined(rule=rule, support=rows, broken=rows - kept, bound=bounded))
    return sorted(found, key=lambda one: (-one.bound, -one.support, str(one.rule)))
