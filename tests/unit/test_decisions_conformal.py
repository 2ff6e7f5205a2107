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
