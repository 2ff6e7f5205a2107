"""An attribute that joins a finished run: of every kind, readable by every reader, and nothing old has changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.decisions import answers_digest
from facetwise.errors import RunError, UserError
from facetwise.events import silent
from facetwise.inference import Predictor, read_bundle
from facetwise.runs import _adding
from facetwise.schema import Kind
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in

KINDS = {"colour": "categorical", "striped": "binary", "size": "ordinal", "tags": "multilabel", "price": "numeric",
         "heel": "categorical"}  # fmt: skip
SCHEMA = """
version: 1
image: "image"
category: "sort"
attributes:
- {column: "sort", kind: categorical, classes: ["shirt", "shoe"]}
- {column: "size", kind: ordinal, classes: ["S", "M", "L"]}
"""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "shop-cache")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def trained(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A place for runs that several tests begin with."""
    return {"table": shop, "folder": tmp_path_factory.mktemp("runs"), "runs": {}}


def _run(trained: dict[str, Any], *columns: str, **options: Any) -> fw.Run:
    key = (columns, tuple(sorted(options)))
    if key not in trained["runs"]:
        out = trained["folder"] / str(len(trained["runs"]))
        trained["runs"][key] = fw.train(trained["table"], out=out, attributes=list(columns), **{**SHOP, **options})
    return fw.load(trained["runs"][key].path)


def test_a_bundle_from_before_there_was_a_reach_is_what_it_was(trained: dict) -> None:
    bundle = _run(trained, "colour").bundle
    plain = {name: value for name, value in bundle.model.items() if name != "even_reach"}
    reaches = [Predictor(replace(bundle, model=model)).model.depth.reach for model in (bundle.model, plain)]
    assert (reaches[0] != 1).any()
    assert (reaches[1] == 1).all()


def _same_before_and_after(old: fw.Run, new: fw.Run) -> None:
    """Not by the digest: number by number, for all rows, from what is on disk."""
    features = old.prepared.features
    before = Predictor(read_bundle(old.path / "bundle"))(features)
    after = Predictor(read_bundle(new.path / "bundle"))(features)
    classes = old.schema.layout().num_scores
    for name in ("scores", "chances", "members"):
        np.testing.assert_array_equal(getattr(after, name)[:, :classes], getattr(before, name))
    for name in ("applies", "state", "index", "number", "confidence"):
        np.testing.assert_array_equal(getattr(after, name)[:, : len(old.schema.attributes)], getattr(before, name))


# The other kinds take the same way; the e2e test adds a binary one.
SLOW = {"striped", "size", "heel"}


@pytest.mark.parametrize(
    "column", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in KINDS]
)
def test_an_attribute_of_every_kind_joins(trained: dict[str, Any], tmp_path: Path, column: str) -> None:
    run = _run(trained, *(name for name in ("sort", "colour", "tags") if name != column))
    declared = None
    if column == "size":  # nobody can see the order of S, M and L in a table
        declared = tmp_path / "schema.yaml"
        declared.write_text(SCHEMA, encoding="utf-8")
    added = run.add_attribute(trained["table"], column, out=tmp_path / "grown", schema=declared)
    grown = fw.load(tmp_path / "grown")
    assert added.kind == KINDS[column]
    assert added.before == added.after
    assert [one.column for one in grown.schema.attributes] == [*run.schema.index, column]
    assert grown.schema.attributes[:-1] == run.schema.attributes
    _same_before_and_after(run, grown)
    found = grown.evaluate().attributes[column]
    if column == "price":
        assert found.mae_over_floor is not None
        assert found.mae_over_floor < 0.6
    else:
        assert (found.macro_f1 or 0) > (0.45 if column == "size" else 0.8)
    # Sides and everything that reads a run.
    assert (grown.path / "split.csv").read_bytes() == (run.path / "split.csv").read_bytes()
    assert column in grown.predict([trained["table"].parent / "001.png"]).rows[0]
    if column == "colour":
        assert grown.report().is_file()
        assert grown.fill(trained["table"]).counts["filled"] > 0


def test_it_reads_what_the_run_knows_already(trained: dict[str, Any], tmp_path: Path) -> None:
    """One more level: what the old trunk makes of the item, computed again where the answer is asked for."""
    run = _run(trained, "sort", "colour")
    run.add_attribute(trained["table"], "striped", out=tmp_path / "grown")
    grown = fw.load(tmp_path / "grown")
    [part] = grown.predictor().model.added
    width = run.predictor().model.trunk.width
    assert part.depth.levels == (*run.bundle.standardizer.levels, width)
    assert list(grown.depth["striped"])[-1] == "the run's own"
    assert list(grown.depth["colour"]) == list(run.depth["colour"])
    # The level is used: with another representation the new answers are others, and the old ones are not.
    features = run.prepared.features[:40]
    right = grown.predictor()(features)
    tensors = dict(grown.bundle.tensors)
    tensors["added.0.beside.mean"] = tensors["added.0.beside.mean"] + 3
    other = Predictor(replace(grown.bundle, tensors=tensors))(features)
    place, old = grown.schema.layout().blocks[-1], grown.schema.layout().blocks[-1].score_start
    assert np.abs(other.scores[:, place.scores] - right.scores[:, place.scores]).max() > 1e-3
    np.testing.assert_array_equal(other.scores[:, :old], right.scores[:, :old])


def test_a_bundle_from_before_that_level_is_still_read(trained: dict[str, Any], tmp_path: Path) -> None:
    """Without the word `beside`, the added model reads the features and nothing else."""
    run = _run(trained, "sort", "colour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_adding, "with_representation", lambda made, own, *_: (made, own))
        run.add_attribute(trained["table"], "striped", out=tmp_path / "grown")
    bundle = read_bundle(tmp_path / "grown" / "bundle")
    told = {name: value for name, value in bundle.model["added"][0].items() if name != "beside"}
    before = replace(bundle, model={**bundle.model, "added": [told]})
    features = run.prepared.features[:9]
    np.testing.assert_array_equal(Predictor(before)(features).scores, Predictor(bundle)(features).scores)
    assert not any("beside" in name for name in bundle.tensors)


def test_where_it_does_not_apply_it_says_so(trained: dict[str, Any], tmp_path: Path) -> None:
    """Whether it applies follows the category that the old model predicts, as in a run that was trained with it."""
    run = _run(trained, "sort", "colour")
    run.add_attribute(trained["table"], "heel", out=tmp_path / "grown")
    grown = fw.load(tmp_path / "grown")
    assert grown.schema.attribute("heel").applies_to == ("shoe",)
    rows = grown.predict(trained["table"]).rows
    assert all((row["heel"].state == "not_applicable") == (row["sort"].value == "shirt") for row in rows)


@pytest.mark.slow
def test_two_join_and_a_class_is_learnt_after_and_before(trained: dict[str, Any], tmp_path: Path) -> None:
    table, run = trained["table"], _run(trained, "sort", "colour")
    run.add_attribute(table, "tags", out=tmp_path / "one")
    one = fw.load(tmp_path / "one")
    one.add_attribute(table, "price", out=tmp_path / "two")
    two = fw.load(tmp_path / "two")
    _same_before_and_after(run, two)
    _same_before_and_after(one, two)
    assert len(two.bundle.model["added"]) == 2
    pictures = [table.parent / f"{number:03d}.png" for number in range(5)]
    learnt = two.learn("colour", "mauve", pictures, out=tmp_path / "learnt")
    assert learnt.predict(pictures[:1]).rows[0]["price"].state == "value"
    # The other way round: a class that the network does not know, then an attribute.
    first = run.learn("colour", "mauve", pictures, out=tmp_path / "mauve")
    learnt_features = run.prepared.features[:20]
    before = first.predictor()(learnt_features)
    added = _adding.add_attribute(
        _with_table(first, run), table, "striped", images=None, schema=None, out=tmp_path / "after",
        report=silent,
    )  # fmt: skip
    assert added.before == added.after
    after = fw.load(tmp_path / "after").predictor()(learnt_features)
    np.testing.assert_array_equal(after.scores[:, : before.scores.shape[1]], before.scores)


def _with_table(learnt: fw.Run, run: fw.Run) -> fw.Run:
    """A learnt run is judged on the rows of the run that it comes from."""
    learnt.__dict__["_prepared"] = run.prepared
    return learnt


def test_more_rows_and_a_gap(trained: dict[str, Any], tmp_path: Path) -> None:
    """A table with more rows: old rows keep their sides; neighbours that the table says nothing about do not vote."""
    run = _run(trained, "sort", "colour")
    frame = pl.read_csv(trained["table"], infer_schema=False)
    half = frame.with_columns(
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("striped")).otherwise(None).alias("striped")
    )
    (trained["table"].parent / "half.csv").write_text(half.write_csv(), encoding="utf-8")
    added = run.add_attribute(trained["table"].parent / "half.csv", "striped", out=tmp_path / "grown")
    neighbours = fw.load(tmp_path / "grown").bundle.neighbours
    assert neighbours is not None
    voting = int((neighbours.labels.state[:, -1] == 1).sum())
    assert voting == added.rows["train"] < len(neighbours)


def test_what_cannot_be_added(trained: dict[str, Any], tmp_path: Path) -> None:
    run, table = _run(trained, "sort", "colour"), trained["table"]
    with pytest.raises(UserError, match="'colour' is an attribute of the run already"):
        run.add_attribute(table, "colour", out=tmp_path / "no")
    with pytest.raises(UserError, match=r"'strip'.*did you mean striped"):
        run.add_attribute(table, "strip", out=tmp_path / "no")
    pl.read_csv(table).drop("colour").write_csv(table.parent / "less.csv")
    with pytest.raises(UserError, match="Found no 'colour'"):
        run.add_attribute(table.parent / "less.csv", "striped", out=tmp_path / "no")
    assert not (tmp_path / "no").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(UserError, match="an empty or a new folder"):
        run.add_attribute(table, "striped", out=tmp_path / "full")


def test_a_change_of_old_answers_is_found_and_leaves_no_run(
    trained: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, join = _run(trained, "sort", "colour"), _adding.join_addition

    def clumsy(*words: Any) -> Any:
        bundle = join(*words)
        name = next(name for name in bundle.tensors if name.startswith("head.") and name.endswith("bias"))
        bundle.tensors[name] = bundle.tensors[name] + np.float32(1e-6)
        return bundle

    monkeypatch.setattr(_adding, "join_addition", clumsy)
    with pytest.raises(RunError, match="answered as before"):
        run.add_attribute(trained["table"], "striped", out=tmp_path / "grown")
    with pytest.raises(RunError, match="Found no bundle"):
        fw.load(tmp_path / "grown")


def test_the_digest_sees_every_part_of_an_answer(trained: dict[str, Any]) -> None:
    run = _run(trained, "sort", "colour", "tags")
    decisions = run.predictor()(run.prepared.features[:9])
    ids = frozenset(attribute.id for attribute in run.schema.attributes)
    told = answers_digest(run.schema, decisions, ids)
    for name in ("scores", "chances", "members", "applies", "state", "index", "number", "confidence"):
        array = getattr(decisions, name)
        kept = array.copy()
        array.flat[-1] = 1 if array.flat[-1] != 1 else 0
        assert answers_digest(run.schema, decisions, ids) != told, name
        array[...] = kept
    assert answers_digest(run.schema, decisions, ids) == told
    assert Kind.MULTILABEL in [one.kind for one in run.schema.attributes]
