"""Evidence: a training picture is its own nearest neighbour, and a run without neighbours says so."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.errors import UserError
from pictures import photographs
from tiny_backbone import stand_in

ITEMS = 60
OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 16, "trunk": {"width": 16}}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    stand_in(monkeypatch, tmp_path / "cache")
    paths, rng = photographs(tmp_path / "photos", ITEMS), np.random.default_rng(0)
    pl.DataFrame(
        {
            "image": [path.name for path in paths],
            "colour": rng.choice(["red", "blue"], ITEMS),
            "price": rng.uniform(1, 9, ITEMS).round(2),
            "split": ["train"] * 40 + ["val"] * 10 + ["test"] * 10,
        }
    ).write_csv(tmp_path / "photos" / "table.csv")
    return tmp_path / "photos" / "table.csv"


def test_a_training_picture_is_its_own_nearest(table: Path, tmp_path: Path) -> None:
    run = fw.train(table, out=tmp_path / "run", **OPTIONS)
    truth = pl.read_csv(table)
    (table.parent / "broken.jpg").write_bytes(b"none")
    asked = [table.parent / truth["image"][0], table.parent / "broken.jpg", table.parent / truth["image"][45]]
    mine, broken, held = fw.load(run.path).evidence(asked, count=3)
    assert broken == []
    assert len(mine) == len(held) == 3
    assert mine[0].image == truth["image"][0]
    assert mine[0].cosine == pytest.approx(1.0, abs=1e-3)
    assert mine[0].cells == {"colour": truth["colour"][0], "price": truth["price"][0]}
    assert [each.cosine for each in held] == sorted((each.cosine for each in held), reverse=True)
    assert all(each.image in truth["image"][:40].to_list() for each in held), "evidence comes from training rows"


def test_a_run_without_neighbours_says_so(table: Path, tmp_path: Path) -> None:
    run = fw.train(table, out=tmp_path / "run", neighbours=False, **OPTIONS)
    assert run.bundle.neighbours is None
    assert not (run.path / "bundle" / "neighbours.safetensors").exists()
    with pytest.raises(UserError, match="neighbours=true"):
        run.evidence([table.parent / "none.jpg"])
