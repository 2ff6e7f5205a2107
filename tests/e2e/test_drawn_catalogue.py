"""The whole way through the command line on a small drawn catalogue."""

import csv
import json
from pathlib import Path

import pytest
from command_line import facetwise, facetwise_json
from PIL import Image

from facetwise.cli import run
from facetwise.data.catalogue import draw_catalogue
from facetwise.inference import cache_root

ITEMS = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_catalogue(folder, items=ITEMS)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    said = facetwise_json("train", "products.csv", "--out", "run", "--epochs", 4, "--min-count", 3, cwd=folder)
    assert (folder / said["run"]).is_dir()
    return folder


def test_inspect_reads_the_kinds(folder: Path) -> None:
    said = facetwise_json("inspect", "products.csv", "--out", "schema.yaml", "--overwrite", cwd=folder)
    kinds = {line["column"]: line["kind"] for line in said["columns"] if line["role"] == "attribute"}
    assert kinds["has_pocket"] == "binary"
    assert kinds["details"] == "multilabel"
    assert kinds["sleeve_length"] == kinds["heel_height"] == "ordinal"
    assert kinds["price_eur"] == kinds["strap_length_cm"] == "numeric"
    assert kinds["category"] == kinds["colour"] == "categorical"
    assert all(line["reason"] and line["overrule"] for line in said["columns"])
    assert (folder / "schema.yaml").is_file()


def test_inspect_refuses_to_overwrite(folder: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("mine", encoding="utf-8")
    outcome = facetwise("inspect", "products.csv", "--out", schema, cwd=folder, code=2)
    assert "--overwrite" in outcome.stderr
    assert schema.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["trian", "products.csv"], "train"),
        (["train", "products.csv", "--epoch", "3"], "--epochs"),
        (["train", "produkts.csv"], "products.csv"),
        (["train", "products.csv", "--set", "epoch=3"], "epochs"),
        (["evaluate", "products"], "train first"),
        (["evaluate", "run", "--split", "tset"], "test"),
    ],
)
def test_mistakes_are_answered(folder: Path, words: list[str], answer: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    assert run(words) == 2
    said = capsys.readouterr().err
    assert answer in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_evaluate_shows_floors_beside_scores(trained: Path) -> None:
    said = facetwise_json("evaluate", "run", "--split", "val,test", cwd=trained)
    assert list(said["splits"]) == ["val", "test"]
    test = said["splits"]["test"]
    for floor in ("majority", "random"):
        assert set(test["floors"][floor]["attributes"]) == set(test["attributes"])
    assert test["overall"]["mean_macro_f1"] > test["floors"]["majority"]["overall"]["mean_macro_f1"]
    text = facetwise("evaluate", "run", cwd=trained).stdout
    assert "majority" in text
    assert "price_eur" in text


@pytest.mark.slow
def test_predict_fills_every_cell_or_says_why(trained: Path) -> None:
    (trained / "new").mkdir()
    (trained / "new" / "a.jpg").write_bytes((trained / "images" / "0000.jpg").read_bytes())
    (trained / "new" / "broken.jpg").write_bytes(b"not a picture")
    said = facetwise_json("predict", "run", "new", "--out", "filled.csv", cwd=trained)
    assert said["counts"]["unreadable"] == 1
    with (trained / "filled.csv").open(newline="", encoding="utf-8") as file:
        good, bad = csv.DictReader(file)
    assert good["category:state"] in ("value", "abstained", "not_applicable")
    assert bad["issue"]
    assert not bad["category"]
    refused = facetwise("predict", "run", "new", "--out", "filled.csv", cwd=trained, code=2)
    assert "--overwrite" in refused.stderr
    facetwise("predict", "run", "new/a.jpg", "--out", "filled.jsonl", cwd=trained)
    [line] = (trained / "filled.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["image"].endswith("a.jpg")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "turn"),
    [(("--processes", 2), Image.Transpose.ROTATE_90), (("--engine", "ray"), Image.Transpose.ROTATE_180)],
    ids=["pool", "ray"],
)
def test_predict_by_several_workers(
    trained: Path, workers: tuple[object, ...], turn: Image.Transpose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that no cache knows: the answers of several workers are those of one process, to the byte.

    Each has a cache of its own, so that neither reads the rows of the other.
    """
    if "ray" in workers:
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    unseen = trained / f"unseen {turn.name}"
    unseen.mkdir()
    for n in range(6):
        with Image.open(trained / "images" / f"{n:04d}.jpg") as picture:
            picture.transpose(turn).save(unseen / f"{n}.png")
    (unseen / "broken.jpg").write_bytes(b"not a picture")
    several, alone = unseen.with_suffix(".several.csv"), unseen.with_suffix(".one.csv")
    graphs = cache_root() / "graphs"
    for out, more in ((several, workers), (alone, ())):
        own = tmp_path / out.suffixes[0]
        own.mkdir()
        (own / "graphs").symlink_to(graphs)  # to export the backbone takes longer than all of this
        monkeypatch.setenv("FACETWISE_CACHE", str(own))
        facetwise("predict", "run", unseen, *more, "--out", out, cwd=trained)
        assert len(list(own.glob("*/shards/*.safetensors"))) >= 1
    assert several.read_bytes() == alone.read_bytes()


def test_a_shard_is_one_process(trained: Path) -> None:
    refused = facetwise(
        "predict", "run", "images", "--processes", 2, "--shard", "1/2", "--out", "a.csv", cwd=trained, code=2
    )
    assert "--processes" in refused.stderr


def test_predict_believes_what_it_is_given(trained: Path) -> None:
    said = facetwise_json("predict", "run", "products.csv", "--given", "category", "--sets", cwd=trained)
    with (trained / "products.csv").open(newline="", encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    for line, row in zip(said["rows"], table, strict=True):
        cell = line["cells"]["category"]
        if cell["given"] is not None:
            assert (cell["value"], cell["confidence"]) == (row["category"], 1.0)
            assert cell["given"] in ("known", "contradicted")
        assert cell["value"] is None or cell["value"] in cell["set"]
        assert {"low", "high"} <= set(line["cells"]["price_eur"])
    # A class with too few rows is none; the rest is believed.
    assert sum(line["cells"]["category"]["given"] is not None for line in said["rows"]) > ITEMS // 2
    refused = facetwise("predict", "run", "products.csv", "--given", "categry", cwd=trained, code=2)
    assert "category" in refused.stderr


def test_goals_are_checked_and_told(folder: Path) -> None:
    words = ["train", "products.csv", "--out", "goals", "--epochs", 1, "--min-count", 3]
    refused = facetwise(*words, "--set", "goals.colur=precision>=0.9", cwd=folder, code=2)
    assert "colour" in refused.stderr
    told = facetwise(*words, "--overwrite", "--set", "goals.colour=precision>=0.97", cwd=folder)
    assert "goals not shown on validation" in told.stdout + told.stderr
    evaluated = facetwise_json("evaluate", "goals", cwd=folder)
    assert evaluated["splits"]["test"]["attributes"]["colour"]["calibration"]["error"] >= 0
