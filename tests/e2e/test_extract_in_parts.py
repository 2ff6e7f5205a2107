"""`facetwise extract` in parts, by anybody: the rows of one process, each once, and a summary that adds up."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from facetwise import api
from facetwise.cli import run as run_command
from facetwise.features import _shards, _worker
from facetwise.features._extract import open_features
from facetwise.models.backbones import Backbone, create_backbone
from pictures import photographs
from tiny_backbone import TinyBackbone, stand_in

PICTURES = 9


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures, the fifth of which is broken, and six that are nowhere."""
    folder = tmp_path_factory.mktemp("shop")
    names = [path.name for path in photographs(folder, PICTURES)]
    (folder / names[4]).write_bytes(b"no picture")
    lines = ["image,colour", *(f"gone{n}.jpg,red" for n in range(6)), *(f"{name},blue" for name in names)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "t.csv"


def _rows(cache: Path, backbone: Backbone, device: str) -> dict[str, np.ndarray]:
    """Every row of a cache by its key; one that the index has twice is none too many for a reader, but is here."""
    store = open_features(backbone, cache=cache, device=device).store
    parts = sorted((store.folder / "index").glob("*.parquet"))
    keys = [key for part in parts for key in polars.read_parquet(part, columns=["digest"])["digest"].to_list()]
    assert len(keys) == len(set(keys)), "a row is there twice"
    return dict(zip(keys, store.read(keys), strict=True))


def _same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    assert all(np.array_equal(row, expected[key]) for key, row in found.items())


def _said(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """What the command says to programs."""
    assert run_command([*map(str, ["extract", *words]), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _extract(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[dict[str, Any], str]:
    """The same, and then, of what is there already, to people."""
    said = _said(capsys, *words)
    assert run_command([*map(str, ["extract", *words])]) == 0
    return said, " ".join(capsys.readouterr().out.split())


def test_shards_are_the_whole(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, tmp_path / "unused", api, _worker)
    given = [table, "--device", "torch:cpu", "--workers", 1]
    whole, told = _extract(capsys, *given, "--cache", tmp_path / "whole")
    assert (whole["images"], whole["computed"], len(whole["problems"])) == (15, 8, 7)
    assert "15 pictures: 0 computed" in told
    assert ", 8 were there, 7 unreadable." in told
    parts = tmp_path / "parts"
    first, told = _extract(capsys, *given, "--cache", parts, "--shard", "1/2")
    assert (first["images"], first["computed"]) == (8, 2)
    assert [one["reason"] for one in first["problems"]] == ["missing"] * 6
    assert "8 pictures: 0 computed" in told
    assert ", 2 were there, 6 unreadable." in told
    second, told = _extract(capsys, *given, "--cache", parts, "--shard", "2/2")
    assert (second["images"], second["computed"]) == (7, 6)
    assert [(one["image"], one["reason"]) for one in second["problems"]] == [("00004.jpg", "not_an_image")]
    assert ", 6 were there, 1 unreadable." in told
    expected = _rows(tmp_path / "whole", TinyBackbone(), "torch:cpu")
    assert len(expected) == PICTURES - 1
    _same(_rows(parts, TinyBackbone(), "torch:cpu"), expected)


def test_a_shard_without_a_picture_is_one(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which column names the pictures is the whole table's to say: that of the third part is empty."""
    stand_in(monkeypatch, tmp_path / "unused", api, _worker)
    lines = [
        "thumbnail,photo,colour",
        *(f"00000.jpg,0000{n}.jpg,red" for n in (0, 1, 2, 3)),
        "00000.jpg,,red",
        ",,blue",
    ]
    gaps = table.with_name("gaps.csv")
    gaps.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = [
        _said(capsys, gaps, "--device", "torch:cpu", "--cache", tmp_path / "parts", "--shard", f"{number}/3")
        for number in (1, 2, 3)
    ]
    assert [(one["images"], one["computed"], len(one["problems"])) for one in told] == [(2, 2, 0), (2, 2, 0), (2, 0, 2)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own start
@pytest.mark.parametrize("how", [["--processes", 2], ["--engine", "ray", "--processes", 2]], ids=["pool", "ray"])
def test_several_workers_write_the_rows_of_one(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: list[object]
) -> None:
    """With a backbone that other processes know by its name, and three pictures to a shard, so that there are three."""
    if "ray" in how:
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    monkeypatch.setattr(_shards, "PICTURES_PER_SHARD", 3)
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "unused"))
    given = [table, "--device", "cpu"]
    _said(capsys, *given, "--cache", tmp_path / "whole")
    shutil.copytree(tmp_path / "whole" / "graphs", tmp_path / "parts" / "graphs")
    found = _said(capsys, *given, "--cache", tmp_path / "parts", *how)
    assert (found["images"], found["computed"], len(found["problems"])) == (15, 8, 7)
    backbone = create_backbone("lite0")
    expected = _rows(tmp_path / "whole", backbone, "cpu")
    assert len(expected) == PICTURES - 1
    _same(_rows(tmp_path / "parts", backbone, "cpu"), expected)
    [done] = (tmp_path / "parts").glob("*/done")
    assert len(list(done.glob("*.json"))) == 3
