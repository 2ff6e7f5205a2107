"""A student of large runs: its run, its table, pictures without labels, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facetwise as fw
from facetwise import studies
from facetwise.errors import RunError, UserError
from facetwise.studies import _distill
from facetwise.training import Teachers, mixtures_of
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in

COLUMNS = {"attributes": ["sort", "colour", "size", "tags", "price", "heel"]}
SMALL = ["trunk.width=4", "levels=last", "epochs=6"]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "shop-cache", _distill)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distil")
    draw_shop(folder / "shop")
    draw_shop(folder / "more", items=40, seed=7)
    (folder / "more" / "000.png").write_bytes((folder / "shop" / "000.png").read_bytes())  # known already
    (folder / "more" / "001.png").write_bytes((folder / "more" / "002.png").read_bytes())  # twice
    return folder


def _teacher(folder: Path, name: str = "teacher", **options: Any) -> fw.Run:
    if not (folder / name).exists():
        fw.train(folder / "shop" / "table.csv", out=folder / name, **{**SHOP, **COLUMNS, **options})
    return fw.load(folder / name)


def test_a_student_is_a_run_and_the_table_says_what_it_costs(folder: Path, tmp_path: Path) -> None:
    teacher = _teacher(folder)
    made = studies.distill([teacher.path], out=tmp_path / "student", settings=SMALL, unlabelled=folder / "more")
    assert made.unlabelled == 38
    assert [pupil.name for pupil in made.pupils] == ["teacher", "student", "student alone"]
    large, small, alone = made.pupils
    assert large.macro_f1 == teacher.metrics["overall"]["mean_macro_f1"]
    assert small.parameters == alone.parameters < large.parameters
    student = fw.load(tmp_path / "student")
    assert small.macro_f1 == student.metrics["overall"]["mean_macro_f1"]
    assert student.schema == teacher.schema
    assert (student.path / "split.csv").read_bytes() == (teacher.path / "split.csv").read_bytes()
    assert student.evaluate(split="val").items
    assert student.predict([folder / "more" / "005.png"]).rows[0]["colour"].state == "value"
    assert student.report().is_file()
    told = json.loads((student.path / "distillation.json").read_text(encoding="utf-8"))
    assert told["options"] == {"temperature": 2.0, "share": 0.7, "likeness": 0.1, "mixtures": 2, "unlabelled": 38}


@pytest.mark.slow
def test_a_student_without_labels_of_its_own_follows_the_teacher(folder: Path, tmp_path: Path) -> None:
    """With the whole loss the teacher's, the student answers like the teacher and not like the labels."""
    teacher = _teacher(folder)
    long = ["trunk.width=16", "epochs=30", "patience=30", "input_dropout=0"]
    common = {"settings": long, "likeness": 0.0, "alone": False}
    studies.distill([teacher.path], out=tmp_path / "student", share=1.0, temperature=1.0, **common)
    features = teacher.prepared.features[teacher.prepared.split.rows("test")]
    ours = fw.load(tmp_path / "student").predictor().read(features)[0]
    theirs = teacher.predictor().read(features)[0]
    untaught = fw.train(
        folder / "shop" / "table.csv", out=tmp_path / "alone", seed=0,
        **{**SHOP, **COLUMNS, "epochs": 30, "patience": 30, "input_dropout": 0.0},
    )  # fmt: skip
    alone = untaught.predictor().read(features)[0]
    assert np.abs(ours - theirs).mean() < 0.6 * np.abs(alone - theirs).mean()


@pytest.mark.slow
def test_several_teachers_are_averaged_as_probabilities(folder: Path) -> None:
    first = _teacher(folder)
    second = _teacher(folder, "second", seed=3, split_from=first.path)
    features = first.prepared.features[:7]
    together = Teachers([first, second], temperature=2.0).lesson([features, features])
    each = [run.predictor().read(features)[0].astype(float) / 2.0 for run in (first, second)]
    for attribute, block in zip(first.schema.attributes, first.schema.layout().blocks, strict=True):
        found = together.logits[:, block.logits] / 2.0
        if attribute.column in ("sort", "colour"):
            chances = [np.exp(one[:, block.logits]) for one in each]
            mean = np.mean([one / one.sum(axis=1, keepdims=True) for one in chances], axis=0)
            ours = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
            np.testing.assert_allclose(ours, mean, atol=1e-5)
        elif attribute.column == "tags":
            mean = np.mean([1 / (1 + np.exp(-one[:, block.logits])) for one in each], axis=0)
            np.testing.assert_allclose(1 / (1 + np.exp(-found)), mean, atol=1e-5)
    truth, decisions = Teachers([first, second], temperature=2.0).answers("test")
    assert len(truth) == len(decisions)


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    teacher, out = _teacher(folder), tmp_path / "no"
    with pytest.raises(RunError, match="another split"):
        studies.distill([teacher.path, _teacher(folder, "elsewhere", seed=4).path], out=out)
    for options, words in (
        ({"temperature": 0.0}, "temperature is positive"),
        ({"share": 0.0}, "share of the loss"),
        ({"likeness": -1.0}, "likeness"),
        ({"mixtures": -1}, "mixtures are at least 0"),
        ({"settings": ["trunk.width=wide"]}, "width"),
        ({"unlabelled": folder / "shop"}, "pictures that the table has not"),
    ):
        with pytest.raises(UserError, match=words):
            studies.distill([teacher.path], out=out, **options)
    assert not out.exists()


def test_mixtures_lie_between_the_same_items_for_student_and_teachers() -> None:
    rng = np.random.default_rng(0)
    ours, matrix = rng.normal(size=(20, 3)).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32)
    theirs = ours @ matrix  # a linear map keeps what is between
    mixed, [other] = mixtures_of(ours, [theirs], times=4, seed=1)
    assert mixed.shape == (80, 3)
    np.testing.assert_allclose(mixed @ matrix, other, atol=1e-5)
    assert (mixed.min(axis=0) >= ours.min(axis=0)).all()
    assert (mixed.max(axis=0) <= ours.max(axis=0)).all()
    again, _ = mixtures_of(ours, [theirs], times=4, seed=1)
    np.testing.assert_array_equal(mixed, again)
    assert len(np.unique(mixed.round(4), axis=0)) == 80
    views = np.stack([ours, np.full_like(ours, np.nan)], axis=1)  # one picture of two
    np.testing.assert_allclose(mixtures_of(views, [theirs], times=4, seed=1)[0], mixed, atol=1e-6)
    assert len(mixtures_of(ours, [theirs], times=0, seed=1)[0]) == 0


def test_the_student_alone_has_as_many_epochs_with_and_without_mixtures(folder: Path) -> None:
    """Its teacher's mixtures make an epoch longer; the one that has none must not be the worse for it."""
    teacher = _teacher(folder)
    times = {name: _distill._student_config(teacher, None, ["levels=last"], times=number).epochs
             for name, number in (("mixed", _distill.PATIENCE_MIXED), ("alone", _distill.PATIENCE))}  # fmt: skip
    assert times == {"mixed": 12, "alone": 24}
    assert _distill._student_config(teacher, None, ["epochs=5"], times=3.0).epochs == 5


def test_the_share_of_the_gap() -> None:
    def pupil(name: str, score: float | None) -> studies.Pupil:
        return studies.Pupil(
            name=name, macro_f1=score, accuracy=None, parameters=1, backbone_parameters=None, latency=(1.0, 1.0),
            backbone_latency=None,
        )  # fmt: skip

    three = ("teacher", "student", "student alone")
    assert _distill._closed([pupil(n, s) for n, s in zip(three, (0.9, 0.8, 0.7), strict=True)]) == pytest.approx(0.5)
    assert _distill._closed([pupil(n, s) for n, s in zip(three, (0.7, 0.8, 0.7), strict=True)]) is None
    assert _distill._closed([pupil(n, s) for n, s in zip(three, (0.9, None, 0.7), strict=True)]) is None
