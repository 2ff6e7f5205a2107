"""Rules between attributes: which rows break them, and the most probable answers that break none."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.schema import VALUE, Labels, Rule, Schema

__all__ = ["MOST_STEPS", "Repaired", "broken", "repair"]

# Assignments of one row that are looked at before it is given up; a catalogue's rows need a few dozen.
MOST_STEPS = 20_000
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class _Clause:
    """A rule as look-ups: where `given[i][index[place_i]]` holds for all i, `allowed[index[place]]` has to."""

    given: tuple[tuple[int, np.ndarray], ...]
    place: int
    allowed: np.ndarray

    @property
    def places(self) -> tuple[int, ...]:
        return (*(place for place, _ in self.given), self.place)


@dataclass(frozen=True, slots=True)
class _Checks:
    """All rules in the form in which one row is looked at many times.

    Args:
        pairs: (place, other place, forbidden pairs of classes) of rules with one condition, put together.
        clauses: Rules with several conditions.
        links: (child, parent, class of the parent per class of the child).
    """

    pairs: list[tuple[int, int, np.ndarray]]
    clauses: list[_Clause]
    links: list[tuple[int, int, np.ndarray]]

    @classmethod
    def of(cls, schema: Schema, clauses: Sequence[_Clause]) -> "_Checks":
        forbidden: dict[tuple[int, int], np.ndarray] = {}
        for clause in clauses:
            if len(clause.given) == 1:
                place, mask = clause.given[0]
                key = (place, clause.place)
                if key not in forbidden:
                    forbidden[key] = np.zeros((len(mask), len(clause.allowed)), dtype=bool)
                forbidden[key] |= mask[:, None] & ~clause.allowed[None]
        links = _family(schema, {place for clause in clauses for place in clause.places})
        several = [clause for clause in clauses if len(clause.given) > 1]
        return cls([(one, other, wrong) for (one, other), wrong in forbidden.items()], several, links)

    def of_row(self, valued: np.ndarray) -> "_Checks":
        """Those that can say something about a row."""
        return _Checks(
            [one for one in self.pairs if valued[one[0]] and valued[one[1]]],
            [clause for clause in self.clauses if valued[list(clause.places)].all()],
            [link for link in self.links if valued[link[0]] and valued[link[1]]],
        )

    def conflict(self, now: Sequence[int]) -> tuple[int, ...]:
        """Attributes of the first rule that is broken, or () if none is."""
        for one, other, wrong in self.pairs:
            if wrong[now[one], now[other]]:
                return one, other
        for clause in self.clauses:
            if all(mask[now[place]] for place, mask in clause.given) and not clause.allowed[now[clause.place]]:
                return clause.places
        for child, parent, of in self.links:
            if of[now[child]] != now[parent]:
                return child, parent
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What became of rows that broke a rule.

    Args:
        index: (item, attribute) classes that break no rule, but in the rows of `given_up`.
        changed: (item, attribute) bool: what was replaced.
        given_up: Items that no assignment was found for: their known cells contradict each other, or there were too
            many assignments to look at. They stay as they were.
    """

    index: np.ndarray
    changed: np.ndarray
    given_up: np.ndarray


def _clauses(schema: Schema, rules: Sequence[Rule]) -> list[_Clause]:
    def mask(column: str, classes: Sequence[str]) -> np.ndarray:
        wanted = set(classes)
        return np.array([name in wanted for name in schema.attribute(column).classes])

    found = []
    for rule in rules:
        held = mask(rule.column, rule.classes)
        given = tuple((schema.index[column], mask(column, classes)) for column, classes in rule.given)
        found.append(_Clause(given, schema.index[rule.column], ~held if rule.never else held))
    return found


def _breaks(clause: _Clause, index: np.ndarray, valued: np.ndarray) -> np.ndarray:
    """(item,) bool."""
    places = list(clause.places)
    wrong = valued[:, places].all(axis=1) & (index[:, places] >= 0).all(axis=1)
    for place, mask in clause.given:
        wrong &= mask[np.maximum(index[:, place], 0)]
    return wrong & ~clause.allowed[np.maximum(index[:, clause.place], 0)]


def broken(schema: Schema, rules: Sequence[Rule], index: np.ndarray, valued: np.ndarray) -> np.ndarray:
    """(item, rule) bool: where every cell of a rule has a value and they contradict it.

    Args:
        schema: The vocabulary.
        rules: The rules.
        index: (item, attribute) classes, -1 for none.
        valued: (item, attribute) bool: cells that have a value.
    """
    wrong = [_breaks(clause, index, valued) for clause in _clauses(schema, rules)]
    return np.stack(wrong, axis=1) if wrong else np.zeros((len(index), 0), dtype=bool)


def _family(schema: Schema, places: set[int]) -> list[tuple[int, int, np.ndarray]]:
    """(child, parent, class of the parent per class of the child) of every hierarchy that touches some attributes."""
    links = []
    grown = True
    pairs = [
        (place, schema.index[attribute.parent.column], attribute)
        for place, attribute in enumerate(schema.attributes)
        if attribute.parent is not None
    ]
    while grown:
        grown = False
        for child, parent, _ in pairs:
            if (child in places) != (parent in places):
                places |= {child, parent}
                grown = True
    for child, parent, attribute in pairs:
        if child in places and attribute.parent is not None:
            number = {name: code for code, name in enumerate(schema.attributes[parent].classes)}
            links.append((child, parent, np.array([number[attribute.parent.of[n]] for n in attribute.classes])))
    return links


def repair(
    schema: Schema,
    rules: Sequence[Rule],
    index: np.ndarray,
    valued: np.ndarray,
    chances: np.ndarray,
    *,
    given: Labels | None = None,
) -> Repaired:
    r"""The most probable classes that break no rule: argmax Σ_a log p_a(y_a) over assignments that keep all of them.

    Only rows that break a rule are touched, and of these only attributes that a broken rule leads to; a child and its
    parent change together. Exact: assignments are visited from the most probable on, and from one that breaks a rule
    only those follow in which an attribute of that rule takes its next class, since every assignment that keeps the
    rule differs there. Given up, and said, after `MOST_STEPS`.

    Args:
        schema: The vocabulary.
        rules: Declared and mined ones.
        index: (item, attribute) classes as decided, -1 for kinds without one.
        valued: (item, attribute) bool: the attribute applies.
        chances: (item, class) probabilities.
        given: Cells that are known, which never change.

    Source: the enumeration: Lawler (1972), A procedure for computing the k best solutions; independent attributes given
    the picture, as the model has them.
    """
    clauses = _clauses(schema, rules)
    wrong = np.zeros(len(index), dtype=bool)
    for clause in clauses:
        wrong |= _breaks(clause, index, valued)
    told, given_up = index.copy(), []
    if wrong.any():
        checks, blocks = _Checks.of(schema, clauses), schema.layout().blocks
        for item in np.flatnonzero(wrong).tolist():
            fixed = np.zeros(index.shape[1], dtype=bool) if given is None else given.state[item] == VALUE
            own = checks.of_row(valued[item] & (index[item] >= 0))
            found = _assign(own, index[item], fixed, [chances[item, block.scores] for block in blocks])
            if found is None:
                given_up.append(item)
            else:
                told[item] = found
    return Repaired(index=told, changed=told != index, given_up=np.array(given_up, dtype=np.int64))


def _assign(checks: _Checks, start: np.ndarray, fixed: np.ndarray, chances: Sequence[np.ndarray]) -> np.ndarray | None:
    """The most probable assignment of one row that keeps every rule; None if none was found."""
    orders: dict[int, tuple[list[int], list[float]]] = {}

    def choices(place: int) -> tuple[list[int], list[float]]:
        """Classes of an attribute, as decided first, then by falling chance; and what each costs more than that."""
        if place not in orders:
            cost = -np.log(np.maximum(chances[place], _TINY))
            first = int(start[place])
            rest = [int(c) for c in np.argsort(cost, kind="stable") if c != first]
            kept = [first] if fixed[place] else [first, *rest]
            # The decided class may be less probable than the next one (a tuned threshold); it still comes first.
            orders[place] = kept, [0.0, *(max(0.0, float(cost[c] - cost[first])) for c in kept[1:])]
        return orders[place]

    heap: list[tuple[float, tuple[tuple[int, int], ...]]] = [(0.0, ())]
    seen = {()}
    for _ in range(MOST_STEPS):
        if not heap:
            return None
        cost, ranks = heapq.heappop(heap)
        now = start.copy()
        for place, rank in ranks:
            now[place] = choices(place)[0][rank]
        places = checks.conflict(now.tolist())
        if not places:
            return now
        current = dict(ranks)
        for place in places:
            classes, costs = choices(place)
            rank = current.get(place, 0) + 1
            if rank < len(classes):
                then = tuple(sorted({**current, place: rank}.items()))
                if then not in seen:
                    seen.add(then)
                    heapq.heappush(heap, (cost + costs[rank] - costs[rank - 1], then))
    return None
