"""Rules that the training table itself keeps: one class of an attribute implies, or excludes, one of another."""

from collections.abc import Sequence
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
# exp(-20) 10⁶ = 0.002 would pass by chance, and 0.04 where one row of twenty may break it.
EXPECTED = 20.0
# Rows whose one-hot matrix is in memory at once.
BLOCK = 1 << 15
# Attributes of more classes are counted pair by pair: a product of one-hot matrices costs the square of all classes.
# Of 100,000 rows with 20 attributes the pairs take 0.16 to 0.08 s whatever the classes, the product 0.12 s with 8 of
# them each, 0.30 with 16, 2.1 with 64; of 200,000 rows with 33 attributes, one of 2,000 classes and five of 300, 0.6 s
# and 29 s (one core, 2026-11-23). The other way round, 200 attributes of two classes have 19,900 pairs.
WIDE = 10


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


def _frequent(labels: Labels, place: int, classes: int, fewest: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the classes with so many rows, and every row's code among them: one more for all other classes together,
    -1 without a value. Of a hundred thousand classes few have as many rows as a rule asks for on either side."""
    codes = np.where(labels.state[:, place] == VALUE, labels.index[:, place], -1)
    kept = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=classes) >= fewest)
    into = np.full(classes + 1, len(kept))
    into[kept], into[-1] = np.arange(len(kept)), -1
    return kept, into[codes]


def _counts(codes: Sequence[np.ndarray], widths: Sequence[int]) -> np.ndarray:
    """(class, class) rows that have both, over attributes of one class per item; a code of -1 is none."""
    starts = np.concatenate([[0], np.cumsum(widths)])
    total = np.zeros((starts[-1], starts[-1]))
    own = [slice(starts[at], starts[at + 1]) for at in range(len(widths))]
    for one, wide in enumerate(widths):
        for other, width in enumerate(widths):
            if one == other and wide > WIDE:
                diagonal = np.arange(own[one].start, own[one].stop)
                total[diagonal, diagonal] = np.bincount(codes[one][codes[one] >= 0], minlength=wide)
            elif one < other and max(wide, width) > WIDE:
                both = (codes[one] >= 0) & (codes[other] >= 0)
                pairs = np.bincount(codes[one][both] * width + codes[other][both], minlength=wide * width)
                total[own[one], own[other]] = pairs.reshape(wide, width)
                total[own[other], own[one]] = pairs.reshape(wide, width).T
    narrow = [at for at, width in enumerate(widths) if width <= WIDE]
    if narrow:
        classes = np.concatenate([np.arange(own[at].start, own[at].stop) for at in narrow])
        total[np.ix_(classes, classes)] = _product([codes[at] for at in narrow], [widths[at] for at in narrow])
    return total


def _product(codes: Sequence[np.ndarray], widths: Sequence[int]) -> np.ndarray:
    """The same as a product of the one-hot matrix with itself."""
    starts = np.concatenate([[0], np.cumsum(widths)])
    total = np.zeros((starts[-1], starts[-1]))
    for begin in range(0, len(codes[0]), BLOCK):
        block = np.stack([one[begin : begin + BLOCK] for one in codes], axis=1)
        hot = np.zeros((len(block), starts[-1]), dtype=np.float32)
        rows, columns = np.nonzero(block >= 0)
        hot[rows, starts[columns] + block[rows, columns]] = 1.0
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

    One product of the one-hot matrix with itself counts all pairs of classes, but for attributes of more than `WIDE`.

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
    rows_asked = least * min(fewest, EXPECTED)
    frequent = [_frequent(labels, place, len(schema.attributes[place].classes), rows_asked) for place in places]
    widths = [len(kept) + 1 for kept, _ in frequent]
    owner = np.repeat(np.arange(len(places)), widths)
    single = np.ones(len(owner), dtype=bool)
    single[np.cumsum(widths) - 1] = False  # all the rare classes of an attribute are no class
    both = _counts([codes for _, codes in frequent], widths)
    member = (owner[:, None] == np.arange(len(places))[None]).astype(np.float64)  # (class, attribute)
    told = (both @ member)[:, owner]  # rows with class a in which the attribute of b has a value
    chain = _chains(schema, places)[owner]
    related = (chain[:, None] == chain[None]) | ~(single[:, None] & single[None])
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
    names = [
        (schema.attributes[place].column, name)
        for place, (kept, _) in zip(places, frequent, strict=True)
        for name in (*(schema.attributes[place].classes[code] for code in kept), "")
    ]
    found = []
    for never, chosen, right in ((False, implied, both), (True, excluded, told - both)):
        sure = lower_bound(right[chosen], told[chosen])
        for (one, other), bounded in zip(np.argwhere(chosen), sure.tolist(), strict=True):
            (column, name), (about, value) = names[one], names[other]
            rule = Rule(given=((column, (name,)),), column=about, classes=(value,), never=never)
            rows, kept = int(told[one, other]), int(right[one, other])
            found.append(Mined(rule=rule, support=rows, broken=rows - kept, bound=bounded))
    return sorted(found, key=lambda one: (-one.bound, -one.support, str(one.rule)))
