"""The policy in the bundle: it comes back, old bundles have none, damaged ones are refused; and in the answers."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facetwise.data import Table
from facetwise.decisions import Calibration, Conformal, Policy, policy_from_dict, policy_to_dict
from facetwise.errors import BundleError, TableError
from facetwise.features import Standardizer
from facetwise.inference import (
    Bundle,
    Predictor,
    answers_from,
    given_cells,
    read_bundle,
    read_predictions,
    write_bundle,
    write_predictions,
)
from facetwise.models import build_model
from facetwise.schema import NOT_APPLICABLE, VALUE, Labels
from made_facets import made_features, made_labels, made_scales, made_schema

SCHEMA = made_schema()
POLICY = Policy(
    calibration=Calibration(
        temperatures={"a00": 1.25, "a01": 0.75, "a03": 2.0},
        labels={"a04": ((0.8, -0.2),), "a05": ((1.4, 0.1), None, ((-2.0, 0.0, 2.0), (0.1, 0.4, 0.9)))},
        applies={"a09": (0.7, 0.3)},
        tops={"a03": (0.6, -0.4)},
        shifts={"a03": (0.7, -1.1, 0.0, 0.4)},
    ),
    least={"a03": 0.6},
    shares={"a03": 0.4},
    goals={"a03": "precision>=0.97"},
    conformal={
        "a03": Conformal(method="lac", coverage=0.9, quantile=0.7, rows=40, categories={"shoes": 0.2}),
        "a07": Conformal(method="", coverage=0.9, quantile=1.5, rows=40),
        "a08": Conformal(method="", coverage=0.9, quantile=None, rows=3),
    },
    flags={"a08": ("every interval is everything: 3 validation cells for 0.9",)},
)


def _bundle() -> tuple[Bundle, np.ndarray, Labels]:
    labels = made_labels(SCHEMA, 60)
    features = made_features(labels, SCHEMA, 9)
    model = build_model(SCHEMA, levels=[4, 5], trunk_options={"width": 6}, seed=3)
    parts = {"trunk": {"name": "shared", "options": {"width": 6}}, "head": {"name": "linear", "options": {}}}
    bundle = Bundle(
        schema=SCHEMA,
        tensors={name: tensor.numpy() for name, tensor in model.state_dict().items()},
        standardizer=Standardizer.fit(features, [4, 5]),
        scales=made_scales(SCHEMA, labels),
        thresholds={"a04": (0.25,), "a05": (0.1, 0.2, 1 / 3)},
        policy=POLICY,
        model={**parts, "depth": True},
        levels="all",
        backbone={"mode": "given", "name": None, "options": {}, "width": 9},
        facetwise="0.1.0",
    )
    return bundle, features, labels


def test_a_policy_comes_back(tmp_path: Path) -> None:
    bundle, features, _ = _bundle()
    write_bundle(tmp_path, bundle)
    back = read_bundle(tmp_path)
    assert back.policy == POLICY
    first, second = Predictor(bundle)(features), Predictor(back)(features)
    for name in first.__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_saved_predictions_decide_the_same(tmp_path: Path) -> None:
    """`evaluate` reads the scores from a file, `predict` computes them: one calibration, one abstention."""
    bundle, features, labels = _bundle()
    decisions = Predictor(bundle)(features)
    assert (decisions.state == 0).any()
    write_predictions(tmp_path / "p.parquet", SCHEMA, np.arange(60), [str(n) for n in range(60)], labels, decisions)
    _, _, back = read_predictions(tmp_path / "p.parquet", SCHEMA, bundle.thresholds, bundle.policy)
    for name in decisions.__slots__:
        np.testing.assert_array_equal(getattr(back, name), getattr(decisions, name), err_msg=name)


def test_a_bundle_from_before_has_no_policy(tmp_path: Path) -> None:
    bundle, features, _ = _bundle()
    write_bundle(tmp_path, bundle)
    path = tmp_path / "bundle.json"
    data = json.loads(path.read_text())
    del data["decisions"], data["digest"]
    path.write_text(json.dumps(data))
    back = read_bundle(tmp_path)
    assert back.policy == Policy()
    plain = Predictor(replace(bundle, policy=Policy()))(features)
    np.testing.assert_array_equal(Predictor(back)(features).confidence, plain.confidence)


def _set(*keys: str | int, to: Any) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    "damage",
    [
        _set("version", to=2),
        _set("calibration", "temperatures", "a00", to=0.0),
        _set("calibration", "temperatures", "a00", to=float("nan")),
        _set("calibration", "temperatures", "a00", to="1"),
        _set("calibration", "temperatures", "zz", to=1.0),
        _set("calibration", "labels", "a05", to=[[1.0, 0.0]]),
        _set("calibration", "labels", "a04", to=[[-1.0, 0.0]]),
        _set("calibration", "labels", "a04", to=[[]]),
        _set("calibration", "labels", "a04", to=[[[0.0, 1.0], [0.5, 0.2]]]),
        _set("calibration", "labels", "a04", to=[[[0.0, 1.0], [0.5]]]),
        _set("calibration", "applies", "a09", to=[1.0]),
        _set("calibration", "shifts", "a03", to=[0.0] * 5),
        _set("calibration", "shifts", "a03", to=[]),
        _set("calibration", "shifts", "a03", to=[0.0, 0.0, 1e9, 0.0]),
        _set("calibration", "shifts", "a00", to=[0.0, 0.1, 0.2]),  # it has children
        _set("calibration", "shifts", "a12", to=[0.0, 0.1]),  # it has no temperature
        _set("calibration", to=None),
        _set("least", "a03", to=True),
        _set("least", "a03", to=-0.1),
        _set("goals", "a03", to="precision>=2"),
        _set("conformal", "a03", "method", to="other"),
        _set("conformal", "a07", "method", to="lac"),
        _set("conformal", "a03", "quantile", to=-1),
        _set("conformal", "a03", "categories", to={"boats": 0.1}),
        _set("conformal", "a03", to={}),
        _set("flags", to=3),
    ],
)
def test_damage_is_refused_in_one_line(tmp_path: Path, damage: Callable[[dict], None]) -> None:
    write_bundle(tmp_path, _bundle()[0])
    path = tmp_path / "bundle.json"
    data = json.loads(path.read_text())
    damage(data["decisions"])
    path.write_text(json.dumps(data))
    with pytest.raises(BundleError) as caught:
        read_bundle(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("thresholds", [{"a04": [0.1, 0.2]}, {"a00": [0.5]}, {"zz": [0.5]}, {"a04": [float("nan")]}])
def test_thresholds_that_do_not_fit_are_refused(tmp_path: Path, thresholds: dict) -> None:
    write_bundle(tmp_path, _bundle()[0])
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "thresholds": thresholds}))
    with pytest.raises(BundleError):
        read_bundle(tmp_path)


def test_plain_data_is_plain() -> None:
    data = policy_to_dict(POLICY)
    assert policy_from_dict(SCHEMA, json.loads(json.dumps(data, allow_nan=False))) == POLICY
    assert copy.deepcopy(data) == data


def test_answers_tell_sets_and_intervals() -> None:
    bundle, features, _ = _bundle()
    decisions = Predictor(bundle)(features)
    names = [str(n) for n in range(60)]
    answers = answers_from(SCHEMA, names, [None] * 60, decisions, sets_of=POLICY)
    assert answers.extras == {"colour": ("set",), "price": ("low", "high"), "weight": ("low", "high")}
    colours = SCHEMA.attribute("colour").classes
    for row, place in zip(answers.rows, range(60), strict=True):
        cell, price = row["colour"], row["price"]
        assert cell.set is not None
        assert colours[decisions.index[place, SCHEMA.index["colour"]]] in cell.set
        assert price.interval[0] < price.value < price.interval[1]
        assert row["weight"].interval is None  # too few cells to tell
    frame = answers.to_polars()
    assert frame["price:low"].dtype.is_float()
    assert frame["weight:high"].null_count() == 60
    assert frame["colour:set"][0] == "|".join(answers.rows[0]["colour"].set)
    plain = answers_from(SCHEMA, names, [None] * 60, decisions)
    assert plain.extras == {}
    assert [row["colour"].set for row in plain.rows] == [None] * 60


def test_given_columns_alone_are_read() -> None:
    table = Table.of({"department": ["shoes", "", "bags"], "colour": ["what?", "red", "red"], "image": ["a", "b", "c"]})
    labels, said, _ = given_cells(SCHEMA, table, ["department"], np.array([0, 2]))
    assert said.sum() == 2
    assert said[:, SCHEMA.index["department"]].all()
    assert (labels.state[:, SCHEMA.index["colour"]] != VALUE).all()
    with pytest.raises(TableError) as caught:
        given_cells(SCHEMA, table, ["departement", "fine"], np.array([0]))
    assert "department" in str(caught.value)
    assert "fine" in str(caught.value)


def test_a_known_cell_conditions_the_rest_and_is_contradicted_where_the_picture_is_sure() -> None:
    bundle, features, labels = _bundle()
    predictor = Predictor(bundle)
    place = SCHEMA.index["department"]
    sure = predictor(features)
    # Claim the least probable department everywhere.
    block = SCHEMA.layout().blocks[place]
    wrong = sure.scores[:, block.scores].argmin(axis=1).astype(np.int32)
    state, index = np.zeros_like(labels.state), np.full_like(labels.index, -1)
    state[:, place], index[:, place] = VALUE, wrong
    known = replace(labels, state=state, index=index)
    decisions = predictor(features, given=known)
    assert (decisions.index[:, place] == wrong).all()
    assert (decisions.confidence[:, place] == 1.0).all()
    heel = SCHEMA.index["heel height"]
    shoes = SCHEMA.attribute("department").classes.index("shoes")
    assert ((decisions.state[:, heel] == NOT_APPLICABLE) == (wrong != shoes)).all()
    against = predictor.contradicted(features, known)
    chance = sure.chances[np.arange(60), block.score_start + wrong] * 1.0
    assert (against[:, place] == (chance < 0.01)).all()
    answers = answers_from(
        SCHEMA, [str(n) for n in range(60)], [None] * 60, decisions, given=state == VALUE,
        contradicted=np.ones_like(against),
    )  # fmt: skip
    assert {row["department"].given for row in answers.rows} == {"contradicted"}
    assert {row["colour"].given for row in answers.rows} == {None}
