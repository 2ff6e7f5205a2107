"""What a user wants of the answers: the best F1, so much precision, so much recall."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facetwise.decisions._thresholds import FEWEST
from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.schema import Attribute, Kind, Schema

__all__ = ["NEVER", "Cut", "Goal", "check_goals", "goal_of", "least_confidence", "least_score"]

# A threshold that no probability reaches.
NEVER = 2.0
# One goal in four may be missed by the luck of the validation rows. On three trainings of a fashion catalogue (26
# columns, random halves of the rows held out, precision>=0.97) 38 % of the answers are given; 1 goal in 90 is missed
# beyond the 95 % interval of the other half; at 0.1 it is 32 % and 1 in 300; by what validation merely shows 47 % and 1
# in 10.
RISK = 0.25
# Each cut holds 3 % more rows than the one before.
GROWTH = 1.03

_MEASURES = ("precision", "recall")


@dataclass(frozen=True, slots=True)
class Goal:
    """`f1` (level None), or precision or recall of at least `level`.

    >>> Goal.parse("precision>=0.97")
    Goal(measure='precision', level=0.97)
    """

    measure: str
    level: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Goal":
        """Read `f1`, `precision>=0.97` or `recall>=0.9`.

        Raises:
            ValueError: Anything else, or a level that is not between 0 and 1.
        """
        measure, sign, level = (part.strip() for part in text.partition(">="))
        if not sign and measure == "f1":
            return cls("f1")
        if sign and measure in _MEASURES and 0.0 < float(level) < 1.0:
            return cls(measure, float(level))
        raise ValueError(f"a goal is f1, precision>=P or recall>=P with 0 < P < 1. Found {text!r}")


def _reads(text: str) -> bool:
    try:
        Goal.parse(text)
    except ValueError:
        return False
    return True


def _fits(attribute: Attribute, goal: Goal) -> bool:
    """A number has no right and wrong; recall of one of several classes is not for a threshold to choose."""
    if goal.measure == "precision":
        return attribute.kind is not Kind.NUMERIC
    return goal.measure != "recall" or attribute.kind in (Kind.BINARY, Kind.MULTILABEL)


def check_goals(schema: Schema, goal: str, goals: Mapping[str, str]) -> None:
    """Check the goals before anything is trained.

    Raises:
        ConfigError: A goal that cannot be read, a column that is no attribute, a goal that its kind cannot have.
    """
    complaints: list[Complaint] = []

    def complain(column: str, rule: str, found: str, fix: str) -> None:
        complaints.append(Complaint(place="goals", column=column, rule=rule, found=found, fix=fix))

    for column, text in {"goal": goal, **{f"goals.{name}": value for name, value in goals.items()}}.items():
        if not _reads(text):
            rule = "a goal is f1, precision>=P or recall>=P with 0 < P < 1"
            complain(column, rule, repr(text), "write it like precision>=0.97")
    for column, text in goals.items():
        if column not in schema.index:
            columns = [attribute.column for attribute in schema.attributes]
            complain(column, "a goal is for an attribute", repr(column), nearest(column, columns))
        elif _reads(text) and not _fits(schema.attribute(column), Goal.parse(text)):
            kind = schema.attribute(column).kind
            fix = "leave it out" if kind is Kind.NUMERIC else "ask for precision"
            complain(column, f"{'an' if kind is Kind.ORDINAL else 'a'} {kind} attribute has no such goal", text, fix)
    if complaints:
        raise ConfigError(complaints)


def goal_of(attribute: Attribute, goal: str, goals: Mapping[str, str]) -> Goal:
    """The attribute's own goal, or the one of all where its kind can have it, or the best F1."""
    chosen = Goal.parse(goals.get(attribute.column, goal))
    return chosen if _fits(attribute, chosen) else Goal("f1")


def _tails(successes: np.ndarray, trials: np.ndarray, chance: float) -> np.ndarray:
    """(test,) P(Binomial(trials, chance) <= successes), summed in logarithms."""
    largest = int(trials.max(initial=0))
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])
    found = np.zeros(len(trials))
    for test, (k, n) in enumerate(zip(successes.tolist(), trials.tolist(), strict=True)):
        i = np.arange(k + 1)
        terms = factorials[n] - factorials[i] - factorials[n - i] + i * np.log(chance) + (n - i) * np.log1p(-chance)
        found[test] = np.exp(terms - terms.max()).sum() * np.exp(terms.max())
    return np.minimum(found, 1.0)


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold, and what it rests on.

    Args:
        value: Answers at or above it are given; `NEVER` where the goal could not be shown.
        share: Share of the rows above it (precision), or of the true ones (recall), on validation.
        why: Why it is not to be trusted; None where it is.
    """

    value: float
    share: float
    why: str | None = None


def least_confidence(confidence: np.ndarray, right: np.ndarray, level: float, *, risk: float = RISK) -> Cut:
    """The least confidence above which at least `level` of the answers are right, as validation rows show it.

    Cuts hold more and more rows, most confident first, from the fewest that can show anything (log risk / log level:
    with fewer not even answers without a mistake would do). Each asks whether its mistakes are too few for a precision
    below `level`: P(Binomial(n, 1 - level) <= mistakes) <= risk, which is where the one-sided Clopper-Pearson bound
    lies above `level`. The largest cut that says yes is taken. Cuts are chosen by counting rows, never by looking at
    what is right, and share nearly all rows with their neighbours: choosing among them costs little, and the chance
    that the precision of new items lies below `level` stays about `risk` (0 to 0.26 at 0.25, in simulations with 150
    to 1,300 rows and eight courses of precision; 0.4 to 0.7 for the largest cut that merely shows the precision).

    Args:
        confidence: (row,) of validation rows that would get an answer and whose truth is known.
        right: (row,) bool.
        level: The precision to reach.
        risk: Of each test.

    Source: Geifman, El-Yaniv 2017, "Selective classification for deep neural networks" (theorem 2.1, the binomial
    bound). Stopping at the first cut that fails, as the fixed sequences of "Learn then Test" (Angelopoulos, Bates,
    Candès, Jordan, Lei 2021, section 3) do, makes the risk exact, and one early mistake leave everything open.

    >>> sure = np.linspace(1.0, 0.5, 400)
    >>> least_confidence(sure, sure > 0.75, 0.9).share
    0.545
    """
    fewest = _fewest(risk, level)
    if len(confidence) < fewest:
        return Cut(NEVER, 0.0, f"{len(confidence)} validation rows cannot show a precision of {level:g}: {fewest} can")
    ranked = np.argsort(-confidence, kind="stable")
    sizes = [fewest]
    while sizes[-1] < len(ranked):
        sizes.append(min(len(ranked), max(sizes[-1] + 1, int(sizes[-1] * GROWTH))))
    # A cut takes all rows of equal confidence, or none.
    rising = confidence[ranked][::-1]
    counts = np.unique(len(ranked) - np.searchsorted(rising, confidence[ranked[np.array(sizes) - 1]], side="left"))
    mistakes = np.cumsum(~right[ranked])[counts - 1]
    passed = counts[_tails(mistakes, counts, 1.0 - level) <= risk]
    if not len(passed):
        return Cut(NEVER, 0.0, f"{len(ranked)} validation rows do not show a precision of {level:g} at any confidence")
    return Cut(float(confidence[ranked[passed[-1] - 1]]), float(passed[-1] / len(ranked)))


def _fewest(risk: float, level: float) -> int:
    """Rows of which not one is wrong, that show a level."""
    return int(np.ceil(np.log(risk) / np.log(level)))


def least_score(chance: np.ndarray, truth: np.ndarray, goal: Goal, *, risk: float = RISK) -> Cut:
    """The threshold of one label that reaches a precision or a recall, as validation rows show it.

    Precision: `least_confidence` of calling the label. Recall: of n true rows the k-th lowest score, with the greatest
    k for which P(Binomial(n, 1 - level) <= k - 1) <= risk: then at least `level` of all true items lie above it, with
    probability 1 - risk, whatever their distribution.

    Args:
        chance: (row,) P(label).
        truth: (row,) bool.
        goal: Precision or recall, with its level.
        risk: How likely it may be missed by the luck of the rows.

    Source: Wilks 1941, "Determination of sample sizes for setting tolerance limits" (recall).

    >>> scores = np.linspace(0.0, 1.0, 101)
    >>> least_score(scores, scores > 0.49, Goal("recall", 0.9)).value
    0.53
    """
    level, positives = goal.level or 0.0, int(truth.sum())
    if goal.measure == "precision":
        if positives < FEWEST:
            return Cut(NEVER, 0.0, f"{positives} positive validation rows, {FEWEST} needed")
        return least_confidence(chance, truth, level, risk=risk)
    own = np.sort(chance[truth])
    ranks = np.arange(1, positives + 1)
    possible = ranks[_tails(ranks - 1, np.full(positives, positives), 1.0 - level) <= risk]
    if not len(possible):
        fewest = _fewest(risk, level)
        return Cut(0.0, 1.0, f"{positives} positive validation rows cannot show a recall of {level:g}: {fewest} can")
    value = float(own[possible[-1] - 1])
    return Cut(value, float((own >= value).mean()))
