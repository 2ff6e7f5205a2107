"""Sets and intervals: as often right as was asked for, more for more, everything where there is nothing to go by."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import betabinom

from facetwise.decisions import SET_SCORES, Conformal, conformal_quantile, fit_conformal, intervals, prediction_sets
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Labels, Schema, Transform

CLASSES, KINDS = tuple("abcdefgh"), ("shoe", "shirt", "hat")
SCHEMA = Schema(
    images=("image",),
    category="kind",
    attributes=(
        Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=KINDS),
        Attribute(column="cut", id="a01", kind=Kind.CATEGORICAL, classes=CLASSES),
        Attribute(column="price", id="a02", kind=Kind.NUMERIC, transform=Transform.LOG),
        Attribute(column="weight", id="a03", kind=Kind.NUMERIC),
        Attribute(column="tags", id="a04", kind=Kind.MULTILABEL, classes=("x", "y")),
    ),
)
CUT = SCHEMA.attributes[1]


def _made(rows: int, seed: int, hats: float = 0.02) -> tuple[np.ndarray, Labels, np.ndarray]:
    """Chances that are wrong in their own way for each category."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, size=rows, p=[0.6, 0.4 - hats, hats])
    honest = rng.dirichlet(np.full(8, 0.25), size=rows)
    truth = (honest.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    claimed = honest ** np.array([1.0, 3.0, 1.0])[kind][:, None]
    claimed /= claimed.sum(axis=1, keepdims=True)
    deviation = rng.uniform(0.1, 1.0, size=rows)
    price = np.exp(rng.normal(size=rows) * deviation + 3)
    weight = 5 + rng.standard_t(4, size=rows) * deviation
    chances = np.concatenate(
        [np.eye(3)[kind], claimed, np.full((rows, 1), np.exp(3)), np.exp(3) * deviation[:, None],
         np.full((rows, 1), 5.0), deviation[:, None], np.zeros((rows, 2))], axis=1,
    ).astype(np.float32)  # fmt: skip
    nothing = np.full(rows, np.nan)
    labels = Labels(
        state=np.full((rows, 5), VALUE, np.int8),
        index=np.stack([kind, truth, *[np.full(rows, -1)] * 3], axis=1).astype(np.int32),
        members=np.zeros(chances.shape, np.uint8),
        number=np.stack([nothing, nothing, price, weight, nothing], axis=1),
    )
    return chances, labels, kind


@pytest.mark.parametrize("method", sorted(SET_SCORES))
def test_mean_coverage_over_twenty_splits(method: str) -> None:
    """Coverage of m new rows after n is BetaBinomial(m, n + 1 - l, l), l = floor((n + 1) alpha) (Angelopoulos, Bates
    2021, section 3.2); the mean of twenty splits lies within three deviations of its mean."""
    chances, labels, _ = _made(2000, 0)
    block, alpha, n = SCHEMA.layout().blocks[1], 0.1, 600
    scores = chances[:, block.scores].astype(np.float64)
    rng = np.random.default_rng(9)
    strange = SET_SCORES[method](scores, rng.random(len(scores)))[np.arange(2000), labels.index[:, 1]]
    found = []
    for _ in range(20):
        order = rng.permutation(2000)
        quantile = conformal_quantile(strange[order[:n]], 1 - alpha)
        found.append(float((strange[order[n:]] <= quantile).mean()))
    lowest = int(np.floor((n + 1) * alpha))
    mean, variance = betabinom.stats(1400, n + 1 - lowest, lowest)
    assert abs(np.mean(found) - mean / 1400) <= 3 * np.sqrt(variance) / 1400 / np.sqrt(20)
    low, high = betabinom.ppf([0.001, 0.999], 1400, n + 1 - lowest, lowest) / 1400
    assert all(low <= each <= high for each in found)


@pytest.mark.parametrize("method", sorted(SET_SCORES))
def test_every_category_is_covered_where_there_is_data(method: str) -> None:
    fitted, flags = fit_conformal(SCHEMA, *_made(3000, 1), method=method, coverage=0.9)
    assert set(fitted) == {"a00", "a01", "a02", "a03"}
    assert flags == {}
    assert set(fitted["a01"].categories) == {"shoe", "shirt"}
    assert fitted["a00"].categories == {}
    chances, labels, kind = _made(30_000, 2)
    block = SCHEMA.layout().blocks[1]
    sets = prediction_sets(SCHEMA, fitted["a01"], chances[:, block.scores], kind)
    inside = sets[np.arange(30_000), labels.index[:, 1]]
    for number in (0, 1):
        assert inside[kind == number].mean() == pytest.approx(0.9, abs=0.035)
    for place in (2, 3):
        block, attribute = SCHEMA.layout().blocks[place], SCHEMA.attributes[place]
        ends = intervals(SCHEMA, attribute, fitted[attribute.id], chances[:, block.scores], kind)
        number = labels.number[:, place]
        assert ((ends[:, 0] <= number) & (number <= ends[:, 1])).mean() == pytest.approx(0.9, abs=0.025)
    assert (ends[:, 0] < ends[:, 1]).all()


@pytest.mark.parametrize("method", sorted(SET_SCORES))
def test_more_coverage_never_makes_a_smaller_set(method: str) -> None:
    chances, labels, kind = _made(800, 3)
    block, before = SCHEMA.layout().blocks[1], None
    for coverage in (0.5, 0.8, 0.9, 0.99, 0.9999):
        fitted, _ = fit_conformal(SCHEMA, chances, labels, kind, method=method, coverage=coverage)
        sets = prediction_sets(SCHEMA, fitted["a01"], chances[:, block.scores], kind)
        assert before is None or (sets >= before).all()
        before = sets
    assert before is not None
    assert before.all()


@pytest.mark.parametrize("method", sorted(SET_SCORES))
def test_classes_have_no_order(method: str) -> None:
    rng = np.random.default_rng(4)
    chances, order = rng.dirichlet(np.ones(8), size=50), rng.permutation(8)
    scores = SET_SCORES[method]
    np.testing.assert_allclose(scores(chances[:, order]), scores(chances)[:, order], atol=1e-12)


def test_a_set_always_has_the_most_probable_class() -> None:
    chances = np.array([[0.4, 0.35, 0.25, 0, 0, 0, 0, 0]])
    strict = Conformal(method="lac", coverage=0.5, quantile=0.1, rows=50)
    assert prediction_sets(SCHEMA, strict, chances, np.array([0])).tolist() == [[True] + [False] * 7]


def test_too_few_cells_give_everything_and_say_so() -> None:
    chances, labels, kind = _made(8, 5)
    fitted, flags = fit_conformal(SCHEMA, chances, labels, kind, method="lac", coverage=0.9)
    assert set(flags) == {"a00", "a01", "a02", "a03"}
    assert "8 validation cells" in flags["a01"][0]
    assert prediction_sets(SCHEMA, fitted["a01"], chances[:, 3:11], kind).all()
    assert np.isposinf(intervals(SCHEMA, SCHEMA.attributes[2], fitted["a02"], chances[:, 11:13], kind)[:, 1]).all()


def test_unknown_cells_do_not_count() -> None:
    chances, labels, kind = _made(500, 6)
    state = labels.state.copy()
    state[200:] = UNKNOWN
    hidden, _ = fit_conformal(SCHEMA, chances, replace(labels, state=state), kind, method="aps", coverage=0.9)
    few = np.arange(200)
    alone, _ = fit_conformal(SCHEMA, chances[few], labels.take(few), kind[few], method="aps", coverage=0.9)
    assert hidden == alone


def test_a_schema_without_category() -> None:
    schema = replace(SCHEMA, category=None)
    chances, labels, _ = _made(400, 7)
    none = np.full(400, -1)
    fitted, _ = fit_conformal(schema, chances, labels, none, method="lac", coverage=0.9)
    assert fitted["a01"].categories == {}
    assert prediction_sets(schema, fitted["a01"], chances[:, 3:11], none).any(axis=1).all()


TWO_KINDS = Schema(
    images=("image",),
    category="kind",
    attributes=(
        Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=KINDS),
        Attribute(column="cut", id="a01", kind=Kind.CATEGORICAL, classes=("a", "b")),
    ),
)


def _strange_by_kind(sizes: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, Labels, np.ndarray]:
    """Rows whose true class is improbable by U(0, 0.4); for hats by U(0.5, 0.9)."""
    kind = np.repeat(np.arange(3), sizes)
    strange = rng.uniform(0.0, 0.4, size=len(kind)) + 0.5 * (kind == 2)
    chances = np.concatenate([np.eye(3)[kind], 1 - strange[:, None], strange[:, None]], axis=1)
    labels = Labels(
        state=np.full((len(kind), 2), VALUE, np.int8),
        index=np.stack([kind, np.zeros(len(kind))], axis=1).astype(np.int32),
        members=np.zeros(chances.shape, np.uint8),
        number=np.full((len(kind), 2), np.nan),
    )
    return chances, labels, kind


def _covered(fitted: Conformal, chances: np.ndarray, kind: np.ndarray) -> np.ndarray:
    return prediction_sets(TWO_KINDS, fitted, chances[:, 3:], kind)[:, 0]


def test_a_category_with_too_few_for_what_is_asked_does_not_borrow_from_easy_ones() -> None:
    """150 rows have no finite quantile for 0.995; that of the easy categories would cover a tenth of the hats."""
    rng = np.random.default_rng(0)
    fitted, flags = fit_conformal(TWO_KINDS, *_strange_by_kind((700, 700, 150), rng), method="lac", coverage=0.995)
    assert set(fitted["a01"].categories) == {"shoe", "shirt"}
    assert fitted["a01"].quantile is None
    assert flags["a01"] == [
        "category 'hat' is held together with others: 150 validation cells are too few for 0.995",
        "every set of the other categories is everything: 150 validation cells for 0.995",
    ]
    chances, _, kind = _strange_by_kind((0, 0, 500), rng)
    assert prediction_sets(TWO_KINDS, fitted["a01"], chances[:, 3:], kind).all()


def test_categories_with_too_few_are_covered_together() -> None:
    """Hats and shirts, 150 and 90 rows, are one pool: of its new rows 0.995 are covered on average of 40 drawings."""
    rng, found = np.random.default_rng(1), []
    for _ in range(40):
        fitted, _ = fit_conformal(TWO_KINDS, *_strange_by_kind((900, 90, 150), rng), method="lac", coverage=0.995)
        assert set(fitted["a01"].categories) == {"shoe"}
        assert fitted["a01"].quantile is not None
        assert fitted["a01"].rows == 240
        chances, _, kind = _strange_by_kind((0, 900, 1500), rng)
        found.append(_covered(fitted["a01"], chances, kind).mean())
    # The rank is ceil(241 * 0.995) = 240, so the mean is 240 / 241 = 0.9959; Beta(240, 1) scatters by 0.004.
    assert np.mean(found) == pytest.approx(240 / 241, abs=3 * 0.004 / np.sqrt(40))


def test_the_pool_is_covered_where_chance_decides_who_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row in five is a hat, the others are easy and of no category; six hats are enough, of 30 rows.

    P(covered | the new row has no quantile of its own) is 0.81; without the rows of a category that has exactly enough
    the pool would have fewer hats than new rows have, and 0.78 were covered.
    """
    monkeypatch.setattr("facetwise.decisions._conformal.FEWEST_OF_CATEGORY", 6)
    rng, pooled, covered = np.random.default_rng(2), 0.0, 0.0
    for _ in range(2500):
        hats = int(rng.binomial(30, 0.2))
        chances, labels, kind = _strange_by_kind((30 - hats, 0, hats), rng)
        fitted, _ = fit_conformal(TWO_KINDS, chances, labels, np.where(kind == 2, 2, -1), method="lac", coverage=0.8)
        quantile = fitted["a01"].quantile
        assert quantile is not None
        hard = 0.2 * ("hat" not in fitted["a01"].categories)
        pooled += 0.8 + hard
        covered += 0.8 * np.clip(quantile / 0.4, 0, 1) + hard * np.clip((quantile - 0.5) / 0.4, 0, 1)
    assert 0.8 <= covered / pooled <= 0.83
