"""A run of W = L S tells which attributes share which latent tasks, in its files, its report and from Python."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise.errors import RunError
from facetwise.events import Event
from facetwise.models import attribute_groups, build_model
from facetwise.models.factorisation import read_sharing
from facetwise.runs import factors_of
from facetwise.schema import Attribute, Kind, Schema
from made_table import TINY, write_table

COLUMNS = ("red", "blue", "dots", "stripes", "alone")
GROUPS = {"colour": ("red", "blue"), "pattern": ("stripes", "dots")}
SPARSE = "head={name: group_sparse, options: {group_norm: 1.0}}"


def _schema() -> Schema:
    attributes = [
        Attribute(column=column, id=f"a{place:02d}", kind=Kind.BINARY, classes=("no", "yes"))
        for place, column in enumerate(COLUMNS)
    ]
    kind = Attribute(column="kind", id="a05", kind=Kind.CATEGORICAL, classes=("x", "y", "z"))
    return Schema(images=("image",), attributes=(*attributes, kind), groups=GROUPS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    folder = tmp_path_factory.mktemp("factors")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(160, 8)).astype(np.float32)
    read = features[:, [0, 0, 1, 1, 2]] + 0.1 * rng.normal(size=(160, 5))
    columns = {name: np.where(read[:, place] > 0, "yes", "no") for place, name in enumerate(COLUMNS)}
    kind = np.array(["x", "y", "z"])[np.argmax(features[:, 3:6], axis=1)]
    table = folder / "table.csv"
    pl.DataFrame({"image": [f"{n}.png" for n in range(160)], **columns, "kind": kind}).write_csv(table)
    np.save(folder / "f.npy", features)
    settings = ["epochs=6", "batch_size=16", "learning_rate=0.05", "depth=false", "input_dropout=0", "weight_decay=0",
                "trunk={name: factorised, width: 6}", SPARSE]  # fmt: skip
    return fw.train(table, features=folder / "f.npy", schema=_schema(), out=folder / "run", settings=settings)


def test_diagnostics_have_s_and_the_groups_that_are_exactly_zero(run: fw.Run) -> None:
    told = json.loads((run.path / "diagnostics.json").read_text(encoding="utf-8"))
    weight = run.bundle.tensors["head.weight"]
    np.testing.assert_allclose(told["head.combination"], weight, rtol=1e-6)
    assert told["names"]["attribute"] == [*COLUMNS, "kind"]
    assert told["names"]["group"] == ["colour", "pattern", "alone", "kind"]
    lengths = np.array(told["head.group_length"])
    np.testing.assert_allclose(lengths[0], np.hypot(weight[0], weight[1]), rtol=1e-6)
    assert (lengths == 0).any(), "the penalty is strong enough for this test to say something"
    assert (lengths != 0).any()
    np.testing.assert_allclose(
        np.array(told["head.attribute_length"])[5], np.linalg.norm(weight[5:8], axis=0), rtol=1e-6
    )
    assert told["facts"]["head.group_length"]["axes"] == ["group", "latent"]


def test_the_report_draws_who_shares(run: fw.Run) -> None:
    html = (run.path / "report.html").read_text(encoding="utf-8")
    assert "which attributes share which latent tasks" in html
    told = json.loads((run.path / "diagnostics.json").read_text(encoding="utf-8"))
    table = html.split("which groups share which latent tasks")[1].split("</table>")[0]
    assert table.count(">·</td>") == (np.array(told["head.group_length"]) == 0).sum()
    assert [name in table for name in ("colour", "pattern", "alone", "kind", "latent 5")] == [True] * 5


def test_factors_are_what_the_model_computes(run: fw.Run) -> None:
    found = factors_of(run)
    predictor = run.predictor()
    features = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    read = run.bundle.standardizer(features)
    with torch.no_grad():
        logits = predictor.model(torch.from_numpy(read)).logits.numpy()
    np.testing.assert_allclose(read @ found.latent @ found.combination + found.intercepts, logits, atol=1e-5)
    assert found.logits == (*COLUMNS, "kind: x", "kind: y", "kind: z")
    expected = read_sharing(found.latent, found.combination, np.array([0, 0, 1, 1, 2, 3, 3, 3]),
                            group_names=["colour", "pattern", "alone", "kind"])  # fmt: skip
    assert found.sharing.zero_groups == expected.zero_groups != []
    np.testing.assert_array_equal(found.sharing.lengths, expected.lengths)
    assert "colour" in str(found.sharing)


@pytest.mark.parametrize(
    ("groups", "head", "said"),
    [
        ({}, SPARSE, True),
        ({"one": ("red",), "other": ("blue",)}, SPARSE, True),
        (GROUPS, SPARSE, False),
        ({}, "head=linear", False),
    ],
)
def test_groups_of_one_attribute_each_are_said(
    groups: dict[str, tuple[str, ...]],
    head: str,
    said: bool,
    tmp_path: Path,
) -> None:
    """Their norm is no more than an l1 per attribute: nothing is shared by groups, and nobody would notice."""
    attributes = _schema().attributes[:5]
    rng = np.random.default_rng(0)
    columns = {one.column: rng.choice(["no", "yes"], size=60) for one in attributes}
    pl.DataFrame({"image": [f"{n}.png" for n in range(60)], **columns}).write_csv(tmp_path / "t.csv")
    np.save(tmp_path / "f.npy", rng.normal(size=(60, 4)).astype(np.float32))
    told: list[Event] = []
    fw.train(tmp_path / "t.csv", features=tmp_path / "f.npy", out=tmp_path / "run", report=told.append,
             schema=Schema(images=("image",), attributes=attributes, groups=groups),
             settings=["epochs=1", "trunk={name: factorised, width: 3}", head])  # fmt: skip
    notices = [one.message for one in told if (one.data or {}).get("code") == "lone-groups"]
    assert len(notices) == said
    assert all("5 attributes" in words and "groups" in words for words in notices)


def test_a_model_of_another_kind_has_no_factors(tmp_path: Path) -> None:
    table, features = write_table(tmp_path)
    other = fw.train(table, features=features, out=tmp_path / "run", settings=[*TINY, "epochs=1"])
    with pytest.raises(RunError, match=r"trunk 'shared' with head 'linear'.*cnn-mtl"):
        factors_of(other)


def test_groups_without_an_attribute_are_no_zeroed_groups() -> None:
    """The head has as many groups as there are names: an attribute outside all groups is one, a gap is none."""
    schema = _schema()
    assert attribute_groups(schema) == ((0, 0, 1, 1, 2, 3), ("colour", "pattern", "alone", "kind"))
    model = build_model(schema, levels=[8], trunk="factorised", head="group_sparse")
    lengths = model.diagnostics(torch.zeros(2, 8))["head.group_length"]
    assert np.shape(lengths) == (4, 64)
    assert (np.asarray(lengths) > 0).all()
