"""Scores written as text."""

import numpy as np
import pytest

from facetwise.decisions import Decisions
from facetwise.errors import ConfigError
from facetwise.metrics import Evaluation, check_score, evaluate, score
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema

SCHEMA = Schema(
    images=("image",),
    attributes=(
        Attribute(column="family", id="a00", kind=Kind.CATEGORICAL, classes=("Carp & kin", "cod")),
        Attribute(column="Heel Height", id="a01", kind=Kind.ORDINAL, classes=("flat", "high")),
        Attribute(column="habitat", id="a02", kind=Kind.MULTILABEL, classes=("sea", "river")),
        Attribute(column="troph", id="a03", kind=Kind.NUMERIC),
        Attribute(column="odd`one.x", id="a04", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(column="groups", id="a05", kind=Kind.BINARY, classes=("no", "yes")),
    ),
    category="family",
    groups={"where": ("habitat",)},
)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    shape, width = (12, 6), SCHEMA.layout().num_scores
    state = np.full(shape, VALUE, np.int8)
    state[:, 4] = 0
    made = []
    for _ in range(2):
        index, members = rng.integers(0, 2, size=shape), rng.integers(0, 2, size=(12, width))
        made.append({"index": index, "members": members, "number": rng.random(shape)})
    truth = Labels(state=state, **made[0])
    ones, scores = np.ones(shape, np.float32), np.zeros((12, width), np.float32)
    guess = Decisions(state=np.full(shape, VALUE), applies=ones, confidence=ones, scores=scores, **made[1])
    return evaluate(SCHEMA, truth, guess, train=truth, floors=False)


def test_one_metric(evaluation: Evaluation) -> None:
    expected = {
        "mean_macro_f1": evaluation.overall["mean_macro_f1"],
        "weighted_f1": evaluation.overall["mean_weighted_f1"],
        "nested_harmonic_mean": evaluation.overall["nested_harmonic_mean"],
        "exact_match": evaluation.overall["exact_match"],
        "overall.mean_macro_f1": evaluation.overall["mean_macro_f1"],
        "attributes.family.macro_f1": evaluation.attributes["family"].macro_f1,
        "family.macro_f1": evaluation.attributes["family"].macro_f1,
        "`Heel Height`.quadratic_kappa": evaluation.attributes["Heel Height"].quadratic_kappa,
        "attributes.`Heel Height`.accuracy": evaluation.attributes["Heel Height"].accuracy,
        "family.per_class.`Carp & kin`.f1": evaluation.attributes["family"].per_class["Carp & kin"]["f1"],
        "habitat.per_class.sea.average_precision": evaluation.attributes["habitat"].per_class["sea"][
            "average_precision"
        ],
        "categories.cod.exact_match": evaluation.categories["cod"]["exact_match"],
        "categories.cod.attributes.habitat": evaluation.categories["cod"]["attributes"]["habitat"],
        "groups.where.mean_macro_f1": evaluation.groups["where"]["mean_macro_f1"],
        "`groups`.f1": evaluation.attributes["groups"].f1,
        "- troph.mae": -evaluation.attributes["troph"].mae,
        "`odd``one.x`.f1": None,
        "mean_macro_f1 + `odd``one.x`.f1": None,
        "family.applicability.f1_applicable": None,
    }
    for text, value in expected.items():
        check_score(SCHEMA, text)
        assert score(evaluation, text) == (None if value is None else pytest.approx(value)), text
    assert score(evaluation) == evaluation.overall["mean_macro_f1"]


def test_weighted_sum(evaluation: Evaluation) -> None:
    text = "family.accuracy + 0.5 * `Heel Height`.accuracy+.5*habitat.macro_f1 - 1e-1 * troph.mae"
    check_score(SCHEMA, text)
    own = evaluation.attributes
    expected = own["family"].accuracy + 0.5 * own["Heel Height"].accuracy + 0.5 * own["habitat"].macro_f1
    assert score(evaluation, text) == pytest.approx(expected - 0.1 * own["troph"].mae)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean_macro_f", "did you mean mean_macro_f1"),
        ("famly.accuracy", "did you mean family"),
        ("family.acuracy", "did you mean accuracy"),
        ("troph.macro_f1", "numeric attribute 'troph'"),
        ("habitat.accuracy", "multilabel attribute 'habitat'"),
        ("family", "end in one of: labelled"),
        ("attributes", "a metric is one that there is"),
        ("overall.", "comes a name. Found the end"),
        ("family.accuracy.x", "named by one word"),
        ("family.per_class.code.f1", "did you mean cod"),
        ("categories.cot.exact_match", "did you mean cod"),
        ("groups.were.mean_macro_f1", "did you mean where"),
        ("`groups`.mean_macro_f1", "did you mean"),
        ("0.5 family.accuracy", r"followed by \*"),
        ("0.5", r"followed by \*"),
        ("family.accuracy family.macro_f1", r"joined by \+ or -"),
        ("family.accuracy +", "Found the end"),
        ("", "Found the end"),
        ("__import__('os')", r"sum of metrics"),
        ("family.__class__", "a metric of the categorical attribute"),
        ("`family.accuracy", "sum of metrics"),
        ("family.accuracy + troph.mae", r"write - 1 \* attributes.troph.mae"),
        ("2 * `Heel Height`.mae", r"write - 2 \* attributes.`Heel Height`.mae"),
        ("mean_mae_over_floor", "an error is subtracted"),
        ("floors.majority.overall.mean_macro_f1", "first word of a path"),
    ],
)
def test_what_is_wrong_is_said_before_training(text: str, message: str, evaluation: Evaluation) -> None:
    with pytest.raises(ConfigError, match=message):
        check_score(SCHEMA, text)
    with pytest.raises(ConfigError, match=message):
        score(evaluation, text)


def test_a_class_that_was_not_measured_is_named(evaluation: Evaluation) -> None:
    data = evaluation.to_dict()
    for metrics in data["attributes"].values():
        metrics.pop("per_class", None)
    with pytest.raises(ConfigError, match="per_class=True"):
        score(Evaluation.from_dict(data), "family.per_class.cod.f1")
