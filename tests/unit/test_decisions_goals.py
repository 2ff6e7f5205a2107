"""Goals: read, checked, reached; and never claimed where the rows cannot show them."""

from dataclasses import replace

import numpy as np
import pytest

from facetwise.decisions import (
    ABSTAINED,
    NEVER,
    Goal,
    Policy,
    check_goals,
    decide,
    fit_policy,
    goal_of,
    least_confidence,
    least_score,
)
from facetwise.errors import ConfigError
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema
from facetwise.training._decisions import policy_lines
from made_facets import made_schema

SCHEMA = made_schema()
COLOURS = tuple("abcdef")
ONE = Schema(
    images=("image",),
    attributes=(
        Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=COLOURS),
        Attribute(column="rare", id="a01", kind=Kind.MULTILABEL, classes=("x", "y")),
    ),
)


@pytest.mark.parametrize(
    "text", ["f2", "precision", "precision>=1.5", "recall>=0", "precision>=x", ">=0.9", "recall<0.9", ""]
)
def test_what_is_no_goal(text: str) -> None:
    with pytest.raises(ValueError, match=r"goal|float"):
        Goal.parse(text)


def test_goals_are_read() -> None:
    assert Goal.parse("f1") == Goal("f1")
    assert Goal.parse(" recall >= 0.8 ") == Goal("recall", 0.8)


def test_every_wrong_goal_is_told_at_once() -> None:
    goals = {"color": "precision>=0.9", "price": "precision>=0.9", "fine": "recall>=0.9", "season": "best"}
    with pytest.raises(ConfigError) as caught:
        check_goals(SCHEMA, "recall>1", goals)
    text = str(caught.value)
    for word in ("color", "colour", "price", "fine", "season", "recall>1"):
        assert word in text
    check_goals(SCHEMA, "recall>=0.9", {"season": "precision>=0.9", "fine": "precision>=0.5", "price": "f1"})


def test_a_goal_of_all_is_left_out_where_it_makes_no_sense() -> None:
    by_column = {a.column: goal_of(a, "recall>=0.9", {"season": "f1"}) for a in SCHEMA.attributes}
    assert by_column["waterproof"] == Goal("recall", 0.9)
    assert by_column["season"] == by_column["fine"] == by_column["price"] == Goal("f1")
    assert goal_of(SCHEMA.attribute("price"), "precision>=0.9", {}) == Goal("f1")


def _drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    confidence = rng.beta(4, 1, size=rows)
    return confidence, rng.random(rows) < confidence


@pytest.mark.parametrize(("rows", "risk"), [(600, 0.1), (600, 0.25), (150, 0.25), (2_000, 0.25)])
def test_precision_is_missed_about_as_often_as_the_risk_says(rows: int, risk: float) -> None:
    """The promise itself: over many validation samples, the true precision beyond the cut."""
    population, right = _drawn(200_000, 0)
    missed, shares = 0, []
    for seed in range(300):
        cut = least_confidence(*_drawn(rows, seed + 1), 0.9, risk=risk)
        above = population >= cut.value
        missed += bool(above.any() and right[above].mean() < 0.9)
        shares.append(above.mean())
    # Two deviations of 300 draws; what choosing among cuts adds stays within that.
    assert missed / 300 <= risk + 2 * np.sqrt(risk * (1 - risk) / 300)
    # P(right | confidence >= t) is 0.9 at t = 0.78: 63 % of the rows.
    assert 0.4 < np.mean(shares) < 0.63


def test_a_mistake_among_the_surest_does_not_leave_everything_open() -> None:
    sure = np.linspace(1.0, 0.5, 1_000)
    right = np.arange(1_000) != 20
    assert least_confidence(sure, right, 0.97).value == 0.5


@pytest.mark.parametrize("risk", [0.1, 0.25])
def test_recall_is_missed_at_most_as_often_as_the_risk_says(risk: float) -> None:
    population, right = _drawn(200_000, 0)
    missed = 0
    for seed in range(300):
        cut = least_score(*_drawn(200, seed + 1), Goal("recall", 0.9), risk=risk)
        missed += (population[right] >= cut.value).mean() < 0.9
    assert missed / 300 <= risk + 2 * np.sqrt(risk * (1 - risk) / 300)


def test_too_few_rows_show_nothing() -> None:
    perfect = np.full(75, 0.99)
    found = least_confidence(perfect, np.ones(75, bool), 0.97, risk=0.1)
    assert found.value == NEVER
    assert "76" in str(found.why)
    assert least_confidence(np.full(76, 0.99), np.ones(76, bool), 0.97, risk=0.1).value == pytest.approx(0.99)
    assert least_confidence(np.full(45, 0.99), np.ones(45, bool), 0.97).value == NEVER
    assert least_confidence(np.full(46, 0.99), np.ones(46, bool), 0.97).value == pytest.approx(0.99)
    assert least_score(np.full(500, 0.9), np.arange(500) < 9, Goal("precision", 0.9)).why is not None
    assert least_score(np.full(13, 0.9), np.ones(13, bool), Goal("recall", 0.9)).value == 0.0


def test_rows_of_equal_confidence_are_taken_together() -> None:
    """A cut inside of a plateau would promise what its other half does not keep."""
    confidence = np.repeat([0.9, 0.5], [40, 400])
    right = np.concatenate([np.ones(340, bool), np.zeros(100, bool)])
    found = least_confidence(confidence, right, 0.9)
    above = confidence >= found.value
    assert not above.any() or right[above].mean() >= 0.9


def _made(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, Labels]:
    rng = np.random.default_rng(seed)
    colours = rng.dirichlet(np.full(6, 0.15), size=rows)
    truth = (colours.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    labels = rng.random((rows, 2)) * [1.0, 0.02]
    members = np.zeros((rows, 8), np.uint8)
    members[:, 6:] = rng.random((rows, 2)) < labels
    state = np.full((rows, 2), VALUE, np.int8)
    index = np.stack([truth, np.full(rows, -1)], axis=1).astype(np.int32)
    made = Labels(state=state, index=index, members=members, number=np.full((rows, 2), np.nan))
    return np.concatenate([colours, labels], axis=1).astype(np.float32), np.ones((rows, 2), np.float32), made


def test_values_below_the_least_confidence_are_left_open() -> None:
    scores, applies, labels = _made(6000, 1)
    thresholds, policy = fit_policy(ONE, scores, applies, labels, labels, goal="precision>=0.95")
    assert policy.goals == {"a00": "precision>=0.95", "a01": "precision>=0.95"}
    fresh, applies, truth = _made(4000, 2)
    decisions = decide(ONE, fresh, applies, thresholds=thresholds, policy=policy)
    given = decisions.state[:, 0] == VALUE
    assert (decisions.state[~given, 0] == ABSTAINED).all()
    assert (decisions.confidence[given, 0] >= np.float32(policy.least["a00"])).all()
    right = decisions.index[:, 0] == truth.index[:, 0]
    assert right[given].mean() > 0.94 > right.mean()
    assert given.mean() == pytest.approx(policy.shares["a00"], abs=0.05)
    # The frequent label is called where it is precise, the rare one never, and that is said.
    called = decisions.members[:, 6] == 1
    assert truth.members[called, 6].mean() > 0.92
    assert not decisions.members[:, 7].any()
    assert any("'y'" in told for told in policy.flags["a01"])


def test_f1_flags_thresholds_of_few_positives() -> None:
    scores, applies, labels = _made(400, 3)
    thresholds, policy = fit_policy(ONE, scores, applies, labels, labels)
    assert len(thresholds["a01"]) == 2
    assert any("threshold of 'y'" in told and "10 needed" in told for told in policy.flags["a01"])
    assert not any("threshold of 'x'" in told for told in policy.flags["a01"])
    assert policy.least == {}
    untuned, told = fit_policy(ONE, scores, applies, labels, labels, tune=False)
    assert untuned == {}
    assert not any("threshold" in text for found in told.flags.values() for text in found)


def test_known_cells_are_never_left_open() -> None:
    scores, applies, labels = _made(30, 4)
    policy = Policy(least={"a00": NEVER})
    assert (decide(ONE, scores, applies, policy=policy).state[:, 0] == ABSTAINED).all()
    only = replace(labels, state=np.stack([np.arange(30) % 2, np.zeros(30)], axis=1).astype(np.int8))
    decisions = decide(ONE, scores, applies, policy=policy, thresholds={"a01": (NEVER, NEVER)}, given=only)
    known = only.state[:, 0] == VALUE
    assert (decisions.state[known, 0] == VALUE).all()
    assert (decisions.index[known, 0] == labels.index[known, 0]).all()
    assert (decisions.state[~known, 0] == ABSTAINED).all()
    given_labels = decide(ONE, scores, applies, thresholds={"a01": (NEVER, NEVER)}, given=labels)
    np.testing.assert_array_equal(given_labels.members[:, 6:], labels.members[:, 6:])


TWO = Schema(
    images=("image",),
    attributes=(
        Attribute(column="wet", id="a00", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("x", "y")),
    ),
)


def _yes_or_no(rows: int, rate: float = 0.5) -> tuple[np.ndarray, np.ndarray, Labels]:
    """A binary attribute and the first label that are always known rightly; the second label at `rate`."""
    yes, label = np.arange(rows) % 2, (np.arange(rows) % rows < rate * rows).astype(int)
    scores = np.stack([1 - yes, yes, yes, label], axis=1) * 0.8 + 0.1
    made = Labels(
        state=np.full((rows, 2), VALUE, np.int8),
        index=np.stack([yes, np.full(rows, -1)], axis=1).astype(np.int32),
        members=np.stack([0 * yes, 0 * yes, yes, label], axis=1).astype(np.uint8),
        number=np.full((rows, 2), np.nan),
    )
    return scores.astype(np.float32), np.ones((rows, 2), np.float32), made


@pytest.mark.parametrize("goal", ["precision>=0.97", "recall>=0.97"])
def test_what_cannot_be_shown_is_neither_yes_nor_no(goal: str) -> None:
    """Below a threshold that nothing reaches every item would be a "no", above one of zero a "yes"."""
    scores, applies, labels = _yes_or_no(30)
    thresholds, policy = fit_policy(TWO, scores, applies, labels, labels, goal=goal)
    decisions = decide(TWO, scores, applies, thresholds=thresholds, policy=policy)
    assert (decisions.state == ABSTAINED).all()
    # What is left open is what the answer would have been.
    np.testing.assert_array_equal(decisions.index[:, 0], labels.index[:, 0])
    assert policy.least == {"a00": NEVER, "a01": NEVER}
    told = policy_lines(TWO, thresholds, policy)
    assert any("every value is left open: wet, tags" in line for line in told)
    untuned, policy = fit_policy(TWO, scores, applies, labels, labels, goal=goal, tune=False)
    assert untuned == {}
    assert (decide(TWO, scores, applies, thresholds=untuned, policy=policy).state == ABSTAINED).all()


@pytest.mark.parametrize(("goal", "told"), [("precision>=0.97", "never given"), ("recall>=0.97", "given to every")])
def test_labels_that_cannot_be_shown_are_named(goal: str, told: str) -> None:
    scores, applies, labels = _yes_or_no(120, rate=0.05)
    thresholds, policy = fit_policy(TWO, scores, applies, labels, labels, goal=goal)
    decisions = decide(TWO, scores, applies, thresholds=thresholds, policy=policy)
    assert policy.least == {}
    assert (decisions.state == VALUE).all()
    np.testing.assert_array_equal(decisions.members[:, 2], labels.members[:, 2])
    assert (decisions.members[:, 3] == (goal[0] == "r")).all()
    lines = [line for line in policy_lines(TWO, thresholds, policy) if told in line]
    assert len(lines) == 1
    assert "tags 'y'" in lines[0]
    assert "'x'" not in lines[0]
