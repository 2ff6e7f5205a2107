"""A soup: what it takes, what it leaves, and when it writes nothing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facetwise as fw
from facetwise import studies
from facetwise.errors import RunError, UserError
from facetwise.studies import _soup
from facetwise.training import Judgement
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in

COLUMNS = {"attributes": ["sort", "colour", "tags"]}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "shop-cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw_shop(tmp_path_factory.mktemp("soup") / "shop")
    return tmp_path_factory.getbasetemp() / "soup0"


def _train(folder: Path, name: str, **options: Any) -> Path:
    if not (folder / name).exists():
        fw.train(folder / "shop" / "table.csv", out=folder / name, **{**SHOP, **COLUMNS, **options})
    return folder / name


def _score_by(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """What validation says, in the order in which it is asked."""
    told = iter(scores)
    judge = _soup.judge

    def judged(*words: Any, **options: Any) -> Judgement:
        found = judge(*words, **options)
        return Judgement(loss=found.loss, score=next(told), evaluation=found.evaluation)

    monkeypatch.setattr(_soup, "judge", judged)


def test_it_takes_what_helps_and_is_their_mean(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [_train(folder, "a"), _train(folder, "b", learning_rate=0.01), _train(folder, "c", epochs=6)]
    # Alone: b is best, then c, then a. With c it gets worse, with a better.
    _score_by(monkeypatch, [0.5, 0.7, 0.6, 0.65, 0.8, 0.8])
    made = studies.soup(runs, out=tmp_path / "soup")
    assert made.written
    assert [(Path(one.name).name, one.taken, one.together) for one in made.ingredients] == [
        ("b", True, None), ("c", False, 0.65), ("a", True, 0.8),
    ]  # fmt: skip
    assert (made.best, made.score) == (0.7, 0.8)
    whole = fw.load(tmp_path / "soup")
    for name, array in whole.bundle.tensors.items():
        mean = (fw.load(runs[0]).bundle.tensors[name].astype(float) + fw.load(runs[1]).bundle.tensors[name]) / 2
        np.testing.assert_allclose(array, mean, rtol=1e-6, atol=1e-7)
    # A whole run: decisions fitted anew, readable by everything.
    assert whole.bundle.thresholds.keys() == fw.load(runs[0]).bundle.thresholds.keys()
    assert whole.bundle.neighbours is not None
    assert whole.evaluate(split="val").items == made.items
    assert whole.report().is_file()


def test_the_best_single_one_stays_where_no_average_is_better(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [_train(folder, "a"), _train(folder, "b", learning_rate=0.01)]
    _score_by(monkeypatch, [0.7, 0.6, 0.7])  # a tie is no gain
    made = studies.soup(runs, out=tmp_path / "soup")
    assert not made.written
    assert made.path == runs[0]
    assert not (tmp_path / "soup").exists()


@pytest.mark.slow
def test_the_checkpoints_of_one_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _train(folder, "long", epochs=12)
    names = {path.name for path in (run / "checkpoints").iterdir()}
    assert {"best_score", "last"} <= names
    shutil.copytree(run, tmp_path / "run")
    # Two names of one epoch are one model.
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "last")
    shutil.copytree(run / "checkpoints" / "best_score", tmp_path / "run" / "checkpoints" / "last")
    for name in ("best_loss", "best_both"):
        shutil.rmtree(tmp_path / "run" / "checkpoints" / name, ignore_errors=True)
    with pytest.raises(RunError, match=r"needs two models\. Found 1"):
        studies.soup([tmp_path / "run"], out=tmp_path / "soup")
    _score_by(monkeypatch, [0.5, 0.6, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75])
    if len(_soup._candidates([fw.load(run)])) > 1:
        assert studies.soup([run], out=tmp_path / "soup").written


@pytest.mark.slow
def test_runs_of_other_kinds_are_refused_by_what_differs(folder: Path, tmp_path: Path) -> None:
    first = _train(folder, "a")
    for name, options, found in (
        ("other_seed", {"seed": 1}, "sides of the split"),
        ("other_columns", {"attributes": ["sort", "colour"]}, "schema"),
        ("other_width", {"trunk": {"width": 8}}, "model"),
    ):
        with pytest.raises(RunError, match=found):
            studies.soup([first, _train(folder, name, **options)], out=tmp_path / "soup")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(UserError, match="an empty or a new folder"):
        studies.soup([first], out=tmp_path / "full")
