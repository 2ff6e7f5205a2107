"""Diff and drift on made features: they see what was changed, and nothing where nothing was."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise import cli, studies
from facetwise.data import read_table
from facetwise.errors import RunError
from facetwise.studies._changes import changes_of_settings
from facetwise.studies._two_samples import chance_index, stability_index, told_apart

ITEMS, WIDTH = 300, 12


def _table(seed: int, *, share: float = 0.5, extra: str = "") -> tuple[dict[str, list[str]], np.ndarray]:
    rng = np.random.default_rng(seed)
    red = rng.random(ITEMS) < share
    size = rng.integers(3, size=ITEMS)
    columns = {
        "image": [f"{seed}-{n:03d}.png" for n in range(ITEMS)],
        "colour": ["red" if is_red else "blue" for is_red in red],
        "size": [("S", "M", "L")[n] for n in size],
        "price": [f"{10 + 5 * n + rng.normal():.2f}" for n in size],
    }
    if extra:
        columns["colour"][:20] = [extra] * 20
    directions = np.random.default_rng(99).normal(0, 1, (2, WIDTH))
    features = rng.normal(0, 0.5, (ITEMS, WIDTH)) + np.outer(red, directions[0]) + np.outer(size, directions[1])
    return columns, features.astype(np.float32)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, fw.Run]:
    """The same table trained twice alike, once for a single epoch, and once with a third of its rows gone."""
    folder = tmp_path_factory.mktemp("studies")
    columns, features = _table(0)
    # Neighbours would know the answer whatever the network has learnt.
    options: dict[str, Any] = {
        "epochs": 6, "batch_size": 32, "trunk": {"width": 16}, "learning_rate": 0.01, "neighbours": False,
    }  # fmt: skip
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    made = {}
    for name, rows, more in (
        ("plain", ITEMS, {}),
        ("again", ITEMS, {}),
        ("short", ITEMS, {"epochs": 1, "learning_rate": 1e-5}),
        ("fewer", 200, {}),
    ):
        pl.DataFrame({column: cells[:rows] for column, cells in columns.items()}).write_csv(folder / f"{name}.csv")
        np.save(folder / f"{name}.npy", features[:rows])
        made[name] = fw.train(
            folder / f"{name}.csv", features=folder / f"{name}.npy", out=folder / name, **{**options, **more}
        )
    torch.set_num_threads(before)
    return made


def test_the_same_run_twice_differs_in_nothing(runs: dict[str, fw.Run]) -> None:
    assert studies.diff(runs["plain"].path, runs["again"].path).same


def test_a_worse_run_is_called_worse_and_its_cause_is_named(runs: dict[str, fw.Run]) -> None:
    found = studies.diff(runs["plain"].path, runs["short"].path)
    assert not found.same
    assert found.config["epochs"] == (6, 1)
    assert found.data == []
    assert found.schema == []
    colour = next(each for each in found.attributes if each.column == "colour")
    assert colour.verdict == "worse"
    assert colour.broken > colour.mended
    assert colour.changed >= colour.broken + colour.mended - colour.changed
    assert colour.interval is not None
    assert colour.interval[0] <= (colour.gain or 0) <= colour.interval[1]
    mirrored = studies.diff(runs["short"].path, runs["plain"].path)
    back = next(each for each in mirrored.attributes if each.column == "colour")
    assert (back.mended, back.broken, back.verdict) == (colour.broken, colour.mended, "better")


def test_the_document_of_diff_has_every_field_of_every_attribute(
    runs: dict[str, fw.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["diff", str(runs["plain"].path), str(runs["short"].path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["attributes"]
    found = studies.diff(runs["plain"].path, runs["short"].path).attributes
    assert [list(each) for each in told] == [[*(field.name for field in fields(one)), "verdict"] for one in found]
    assert [(each["column"], each["changed"], each["verdict"]) for each in told] == [
        (one.column, one.changed, one.verdict) for one in found
    ]


def test_rows_that_went_and_rows_that_changed_sides_are_told(runs: dict[str, fw.Run]) -> None:
    lines = "\n".join(studies.diff(runs["plain"].path, runs["fewer"].path).data)
    assert "300 → 200" in lines
    assert "pictures gone: 100" in lines


def test_a_folder_without_a_run_is_refused(runs: dict[str, fw.Run], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="finished run"):
        studies.diff(runs["plain"].path, tmp_path)


def test_settings_that_appear_or_go_are_told() -> None:
    assert changes_of_settings({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}) == {"a.c": (None, 2)}


def _drift(run: fw.Run, tmp_path: Path, columns: dict[str, list[str]], features: np.ndarray) -> studies.Drift:
    pl.DataFrame(columns).write_csv(tmp_path / "new.csv")
    table = read_table(tmp_path / "new.csv")
    return studies.drift_of_features(run, table, features, np.arange(len(table)))


def test_more_of_the_same_does_not_drift(runs: dict[str, fw.Run], tmp_path: Path) -> None:
    found = _drift(runs["plain"], tmp_path, *_table(1))
    assert not found.other_pictures
    assert {each.column: each.verdict for each in found.attributes} == dict.fromkeys(
        ("colour", "size", "price"), "stable"
    )


def test_another_mixture_and_other_pictures_drift(runs: dict[str, fw.Run], tmp_path: Path) -> None:
    columns, features = _table(1, share=0.02, extra="green")
    found = _drift(runs["plain"], tmp_path, columns, features + 3.0)
    assert found.other_pictures
    colour = next(each for each in found.attributes if each.column == "colour")
    assert colour.verdict == "large shift"
    assert colour.unseen == (20, ("green",))


def test_a_table_without_labels_is_judged_by_its_pictures_and_answers(runs: dict[str, fw.Run], tmp_path: Path) -> None:
    columns, features = _table(1, share=0.02)
    found = _drift(runs["plain"], tmp_path, {"image": columns["image"]}, features)
    colour = next(each for each in found.attributes if each.column == "colour")
    assert colour.labels is None
    assert colour.filled is None
    assert colour.verdict == "large shift"


def test_chance_alone_exceeds_the_chance_index_once_in_a_hundred() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    pairs = [(rng.multinomial(400, shares), rng.multinomial(300, shares)) for _ in range(3000)]
    exceeded = np.mean([stability_index(a, b) > chance_index(a, b) for a, b in pairs])
    assert 0.004 < exceeded < 0.02  # 0.01 within three standard errors and the approximation of the quantile


def test_stability_index_is_the_formula() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    assert stability_index(1e6 * p, 1e6 * q) == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=1e-4)


def test_too_few_rows_are_not_judged() -> None:
    assert told_apart(np.zeros((3, 2)), np.zeros((50, 2))) is None
