"""Training on made features: trackers, checkpoints, early stopping, seeds, run folders, the API around a run."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise.errors import RunError, UserError
from facetwise.training import _loop, read_checkpoint

ITEMS, WIDTH = 240, 10


def _columns(seed: int = 0) -> dict[str, list[str]]:
    """A table of every kind; colours, sizes and prices can be read off the features."""
    rng = np.random.default_rng(seed)
    colour, size = rng.integers(3, size=ITEMS), rng.integers(3, size=ITEMS)
    thing = rng.integers(2, size=ITEMS)
    price = np.exp(3 + 0.5 * rng.normal(size=ITEMS)).round(2)
    tags = [[tag for tag in ("warm", "light", "new") if rng.random() < 0.5] for _ in range(ITEMS)]
    heel = [str(rng.choice(["flat", "high"])) if thing[n] else "" for n in range(ITEMS)]
    unknown = rng.random(ITEMS) < 0.2
    return {
        "image": [f"p{n:03d}.png" for n in range(ITEMS)],
        "thing": [("shirt", "shoe")[n] for n in thing],
        "colour": ["" if hidden else ("red", "green", "blue")[n] for n, hidden in zip(colour, unknown, strict=True)],
        "size": [("S", "M", "L")[n] for n in size],
        "printed": [("no", "yes")[n] for n in rng.integers(2, size=ITEMS)],
        "heel": heel,
        "tags": ["|".join(tag) for tag in tags],
        "price": [str(value) for value in price],
    }


def _features(columns: dict[str, list[str]], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    result = rng.normal(0, 0.3, (ITEMS, WIDTH)).astype(np.float32)
    for column in ("thing", "colour", "size"):
        names = sorted(set(columns[column]))
        spread = rng.normal(0, 2, (len(names), WIDTH))
        result += spread[[names.index(name) for name in columns[column]]].astype(np.float32)
    return result + np.outer(np.log(np.array(columns["price"], dtype=float)), rng.normal(0, 3, WIDTH)).astype(
        np.float32
    )


QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 32, "trunk": {"width": 16}, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and its features."""
    folder = tmp_path_factory.mktemp("made")
    columns = _columns()
    pl.DataFrame(columns).write_csv(folder / "table.csv")
    np.save(folder / "features.npy", _features(columns))
    return folder


def _train(made: Path, out: Path, **options: Any) -> fw.Run:
    table = options.pop("table", made / "table.csv")
    features = options.pop("features", made / "features.npy")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return fw.train(table, features=features, out=out, **{**QUICK, **options})
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(made: Path, tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    return _train(made, tmp_path_factory.mktemp("runs") / "first")


def _lines(run: fw.Run) -> list[dict[str, Any]]:
    """What the log says of the epochs; single steps have rows too."""
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "epochs" in line]


def test_every_kind_is_learned(run: fw.Run) -> None:
    kinds = {attribute.column: str(attribute.kind) for attribute in run.schema.attributes}
    assert {kinds["thing"], kinds["printed"], kinds["tags"], kinds["price"]} >= {"binary", "multilabel", "numeric"}
    assert {"thing", "colour", "size", "printed", "heel", "tags", "price"} == set(kinds)


def test_the_folder_holds_what_was_promised(run: fw.Run) -> None:
    names = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
    assert {
        "config.yaml", "schema.yaml", "split.csv", "environment.json", "log.jsonl", "metrics.json", "depth.json",
        "predictions/val.parquet", "predictions/test.parquet", "bundle/bundle.json", "bundle/heads.safetensors",
    } <= names  # fmt: skip
    assert not [name for name in names if name.endswith(".part")]
    for path in run.path.rglob("*.json"):
        assert not {"NaN", "Infinity"} & set(re.findall(r"\w+", path.read_text(encoding="utf-8"))), path


def test_checkpoints_hold_the_best_epochs(run: fw.Run) -> None:
    lines = _lines(run)
    saved = {
        name: read_checkpoint(run.path / "checkpoints" / name)
        for name in ("last", "best_score", "best_loss", "best_both")
    }
    assert saved["last"].facts["epoch"] == len(lines)
    scores, losses = [line["score"] for line in lines], [line["val_loss"] for line in lines]
    assert saved["best_score"].facts["epoch"] == int(np.argmax(scores)) + 1
    assert saved["best_loss"].facts["epoch"] == int(np.argmin(losses)) + 1
    both = 0
    for epoch in range(len(lines)):
        if scores[epoch] >= scores[both] and losses[epoch] <= losses[both]:
            both = epoch
    assert saved["best_both"].facts["epoch"] == both + 1
    for name, checkpoint in saved.items():
        facts = checkpoint.facts
        assert facts["score"] == pytest.approx(scores[facts["epoch"] - 1])
        assert facts["metrics"]["attributes"].keys() == {a.column for a in run.schema.attributes}, name
    for name, array in run.bundle.tensors.items():
        np.testing.assert_array_equal(array, saved["best_score"].tensors[name])


def test_a_checkpoint_that_is_not_there_names_the_others(run: fw.Run) -> None:
    with pytest.raises(RunError, match=r"best_both, best_loss, best_score, last"):
        run.evaluate(checkpoint="best")


def test_early_stopping(made: Path, tmp_path: Path) -> None:
    run = _train(made, tmp_path / "run", epochs=30, patience=2, learning_rate=0.03)
    scores = [line["score"] for line in _lines(run)]
    best = int(np.argmax(scores))
    assert len(scores) == min(30, best + 1 + 2)
    assert len(scores) < 30


def _same(first: fw.Run, second: fw.Run) -> bool:
    a, b = (read_checkpoint(run.path / "checkpoints" / "last").tensors for run in (first, second))
    assert a.keys() == b.keys()
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_same_seed_same_bits(made: Path, run: fw.Run, tmp_path: Path) -> None:
    torch.manual_seed(99)
    np.random.default_rng(1).random()
    again = _train(made, tmp_path / "again")
    assert _same(run, again)
    assert [line["val_loss"] for line in _lines(run)] == [line["val_loss"] for line in _lines(again)]
    assert not _same(run, _train(made, tmp_path / "other", seed=1))


def test_frames_and_files_are_one(made: Path, run: fw.Run, tmp_path: Path) -> None:
    frame = pl.DataFrame(_columns())
    one = _train(made, tmp_path / "polars", table=frame)
    two = _train(made, tmp_path / "pandas", table=pd.DataFrame(_columns()))
    assert _same(run, one)
    assert _same(run, two)
    assert one.evaluate().overall == run.evaluate().overall


def test_a_run_on_a_frame_is_evaluated_after_loading(made: Path, run: fw.Run, tmp_path: Path) -> None:
    """The predictions are saved, so the table is not needed."""
    _train(made, tmp_path / "polars", table=pl.DataFrame(_columns()))
    loaded = fw.load(tmp_path / "polars")
    assert loaded.evaluate().overall == run.evaluate().overall
    with pytest.raises(RunError, match="frame"):
        loaded.evaluate(split="train")


def test_evaluate_agrees_with_the_run(run: fw.Run) -> None:
    loaded = fw.load(run.path)
    sides = loaded.evaluate(split=["train", "val", "test"])
    assert list(sides) == ["train", "val", "test"]
    assert sides["test"].to_dict() == {key: value for key, value in run.metrics.items() if key != "split"}
    assert loaded.evaluate().to_dict() == sides["test"].to_dict()
    assert loaded.evaluate(split="val").items == sides["val"].items
    assert sum(side.items for side in sides.values()) == ITEMS
    facts = read_checkpoint(run.path / "checkpoints" / "best_loss").facts["metrics"]["overall"]
    with_thresholds = loaded.evaluate(split="val", checkpoint="best_loss").overall
    assert with_thresholds["mean_accuracy"] == pytest.approx(facts["mean_accuracy"], abs=0.2)
    same = loaded.evaluate(split="val", checkpoint="best_score").to_dict()
    assert same == sides["val"].to_dict()


def test_a_loaded_run_reads_its_table_as_it_was(run: fw.Run) -> None:
    loaded = fw.load(run.path)
    prepared, own = loaded.prepared, run.prepared
    assert prepared.schema == own.schema == run.schema
    assert (prepared.split.side == own.split.side).all() if hasattr(own.split, "side") else True
    for name in own.labels.__slots__:
        np.testing.assert_array_equal(getattr(prepared.labels, name), getattr(own.labels, name))


def test_predict_features(made: Path, run: fw.Run) -> None:
    features = np.load(made / "features.npy")
    answers = run.predict_features(features)
    assert len(answers) == ITEMS
    saved = pl.read_parquet(run.path / "predictions" / "test.parquet")
    assert len(saved) > 0
    for line in saved.filter(pl.col("attribute") != "price").iter_rows(named=True):
        cell = answers.rows[line["item"]][line["attribute"]]
        value = cell.value if isinstance(cell.value, list) else [] if cell.value is None else [cell.value]
        assert (cell.state, value) == (line["decision_state"], line["decision"])
        assert cell.confidence == pytest.approx(line["confidence"], rel=1e-4)
    assert all(isinstance(row["tags"].value, list) for row in answers.rows)
    for wrong in (features[:, :-1], features[0], np.zeros((2, WIDTH + 1), np.float32)):
        with pytest.raises(UserError, match=rf"\(item, {WIDTH}\)"):
            run.predict_features(wrong)
    assert len(run.predict_features(features[:0])) == 0


def test_what_can_be_read_off_the_features_is_learned(made: Path, tmp_path: Path) -> None:
    run, columns = _train(made, tmp_path / "run", epochs=30, patience=30), _columns()
    rows = run.predict_features(np.load(made / "features.npy")).rows
    for column in ("thing", "colour", "size"):
        pairs = [(row[column].value, text) for row, text in zip(rows, columns[column], strict=True) if text]
        assert np.mean([a == b for a, b in pairs]) > 0.9, column
    shoes = np.array(columns["thing"]) == "shoe"
    assert (np.array([row["heel"].state == "value" for row in rows]) == shoes).mean() > 0.9
    prices = np.array([row["price"].value for row in rows])
    assert np.corrcoef(np.log(prices), np.log(np.array(columns["price"], dtype=float)))[0, 1] > 0.8
    test = run.evaluate()
    assert test.overall["mean_macro_f1"] > test.floors["majority"]["overall"]["mean_macro_f1"]


def test_predicting_pictures_with_given_features_is_refused(run: fw.Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="predict_features"):
        run.predict([tmp_path / "a.png"])


def test_the_same_command_again_has_nothing_to_do(made: Path, run: fw.Run) -> None:
    told = []
    before = (run.path / "log.jsonl").stat().st_mtime_ns
    _train(made, run.path, report=told.append)
    assert any((event.data or {}).get("code") == "finished" for event in told)
    assert (run.path / "log.jsonl").stat().st_mtime_ns == before


def test_another_configuration_is_refused(made: Path, run: fw.Run) -> None:
    with pytest.raises(RunError) as caught:
        _train(made, run.path, epochs=5)
    assert "--out" in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert len(_lines(run)) == 4


def test_overwrite(made: Path, tmp_path: Path) -> None:
    _train(made, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    again = _train(made, tmp_path / "run", epochs=2, overwrite=True)
    assert len(_lines(again)) == 2
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_strange_files_is_refused(made: Path, tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(RunError, match="no run"):
        _train(made, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_an_interrupted_run_starts_again(made: Path, run: fw.Run, tmp_path: Path) -> None:
    _train(made, tmp_path / "run")
    (tmp_path / "run" / "bundle" / "bundle.json").unlink()
    with pytest.raises(RunError, match="finished run"):
        fw.load(tmp_path / "run")
    assert _same(run, _train(made, tmp_path / "run"))


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_damaged_run_file_is_not_a_traceback(made: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError):
        _train(made, tmp_path)


def test_features_that_do_not_fit(made: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.load(made / "features.npy")[:-1])
    with pytest.raises(UserError, match="one row of features per row"):
        _train(made, tmp_path / "run", features=tmp_path / "short.npy")
    with pytest.raises(UserError, match=r"nowhere\.npy"):
        _train(made, tmp_path / "run2", features=tmp_path / "nowhere.npy")
    assert not (tmp_path / "run").exists()


def test_rows_without_features_are_listed(made: Path, tmp_path: Path) -> None:
    features = np.load(made / "features.npy")
    features[[3, 8]] = np.nan
    np.save(tmp_path / "holes.npy", features)
    run = _train(made, tmp_path / "run", features=tmp_path / "holes.npy")
    issues = pl.read_parquet(run.path / "issues.parquet")
    assert issues.filter(pl.col("reason") != "ok")["item"].to_list() == [3, 8]
    assert sum(side.items for side in run.evaluate(split=["train", "val", "test"]).values()) == ITEMS - 2


def test_a_table_without_pictures(made: Path, tmp_path: Path) -> None:
    """With features of one's own no image column is needed."""
    columns = {name: values for name, values in _columns().items() if name != "image"}
    run = _train(made, tmp_path / "run", table=pl.DataFrame(columns))
    assert run.evaluate().items > 0


def _split_table(columns: dict[str, list[str]], sides: list[str]) -> pl.DataFrame:
    return pl.DataFrame({**columns, "split": sides})


def test_an_attribute_that_validation_never_labels(made: Path, tmp_path: Path) -> None:
    columns = _columns()
    sides = ["train"] * 160 + ["val"] * 40 + ["test"] * 40
    columns["size"] = [text if side != "val" else "" for text, side in zip(columns["size"], sides, strict=True)]
    run = _train(made, tmp_path / "run", table=_split_table(columns, sides))
    found = run.evaluate(split="val").attributes["size"]
    assert found.labelled == 0
    assert found.accuracy is None
    assert found.macro_f1 is None
    facts = read_checkpoint(run.path / "checkpoints" / "last").facts
    assert facts["metrics"]["attributes"]["size"]["macro_f1"] is None
    assert np.isfinite(facts["loss"])
    assert all(level["added_loss"] is None for level in run.depth["size"].values())


def test_validation_without_any_label_is_refused(made: Path, tmp_path: Path) -> None:
    columns, sides = _columns(), ["train"] * 160 + ["val"] * 40 + ["test"] * 40
    for name in columns.keys() - {"image"}:
        columns[name] = [text if side != "val" else "" for text, side in zip(columns[name], sides, strict=True)]
    with pytest.raises(RunError, match="val"):
        _train(made, tmp_path / "run", table=_split_table(columns, sides))


def test_nothing_to_score_leaves_the_loss_to_decide(made: Path, tmp_path: Path) -> None:
    columns, sides = _columns(), ["train"] * 160 + ["val"] * 40 + ["test"] * 40
    columns["size"] = [text if side != "val" else "" for text, side in zip(columns["size"], sides, strict=True)]
    run = _train(made, tmp_path / "run", table=_split_table(columns, sides), select_by="size.macro_f1")
    saved = {name: read_checkpoint(run.path / "checkpoints" / name).facts for name in ("best_score", "best_loss")}
    assert saved["best_score"]["epoch"] == saved["best_loss"]["epoch"]


def test_a_score_that_does_not_exist_is_refused_before_training(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="macro_f1"):
        _train(made, tmp_path / "run", select_by="mean_macro_f2")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_training_that_runs_away_is_said(made: Path, tmp_path: Path) -> None:
    features = np.load(made / "features.npy")
    np.save(tmp_path / "f.npy", features)
    with pytest.raises(RunError, match="learning_rate"):
        _train(made, tmp_path / "run", features=tmp_path / "f.npy", learning_rate=1e30, clip=0.0, warmup=0.0)


def test_a_batch_larger_than_the_table(made: Path, tmp_path: Path) -> None:
    run = _train(made, tmp_path / "run", batch_size=10_000, epochs=1)
    assert len(_lines(run)) == 1


def test_the_log_has_losses_and_weights_of_epochs_and_of_single_steps(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_loop, "STEPS_BETWEEN_ROWS", 2)
    run = _train(made, tmp_path / "run", epochs=2)
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    columns = {attribute.column for attribute in run.schema.attributes}
    for line in lines:
        assert set(line["losses"]) == set(line["weights"]) == columns
        assert all(value >= 0 for value in line["weights"].values())
    steps = [line for line in lines if "epochs" not in line]
    assert steps
    assert [line["step"] for line in steps] == [2 * (place + 1) for place in range(len(steps))]
    first = next(line for line in lines if "epochs" in line)
    told = [value for value in first["losses"].values() if value is not None]
    assert first["train_loss"] == pytest.approx(sum(told) / len(columns), rel=1e-5)
