"""Tables, pictures and features behind addresses: copied once, read from there, and nothing without an address."""

import io
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facetwise import api, studies
from facetwise.cli import run as run_command
from facetwise.data import (
    Table,
    address_of,
    fetch_file,
    fetch_pictures,
    list_folder,
    list_pictures,
    read_table,
    resolve_images,
)
from facetwise.errors import UnavailableError, UserError
from facetwise.events import Event
from facetwise.features import Shard
from facetwise.inference import root_of
from facetwise.runs import Run, predict_shard, shard_file
from facetwise.studies import _audit
from made_table import TINY, write_table
from tiny_backbone import stand_in
from tiny_graphs import tiny_graphs

pytest.importorskip("fsspec")


def _picture(colour: tuple[int, int, int]) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(sink, "PNG")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("s3://shop/photos", "s3://shop/photos"),
        (Path("s3://shop/photos"), "s3://shop/photos"),
        ("memory://t.csv", "memory://t.csv"),
        ("C:/photos", None),
        ("photos/a.jpg", None),
        ("/s3:/x", None),
        (None, None),
        ({"image": []}, None),
    ],
)
def test_what_is_an_address(source: object, address: str | None) -> None:
    assert address_of(source) == address


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "shop").mkdir(parents=True)
    assert address_of(Path("s3:/shop")) is None


def test_a_file_is_copied_once_and_again_when_it_changes(store: object, tmp_path: Path) -> None:
    store.pipe("/shop/t.csv", b"a,b\n")
    first = fetch_file("memory://shop/t.csv", tmp_path)
    assert first.read_bytes() == b"a,b\n"
    assert first.name == "t.csv"
    stamp = first.stat().st_mtime_ns
    assert fetch_file("memory://shop/t.csv", tmp_path) == first
    assert first.stat().st_mtime_ns == stamp
    store.pipe("/shop/t.csv", b"a,b\n1,2\n")
    assert fetch_file("memory://shop/t.csv", tmp_path).read_bytes() == b"a,b\n1,2\n"
    assert not list(tmp_path.rglob("*.part"))


def test_only_the_pictures_that_a_table_names_are_copied(store: object, tmp_path: Path) -> None:
    for name in ("red/A.png", "red/b.png", "c.png", "d.png", "e.txt"):
        store.pipe(f"/shop/photos/{name}", name.encode())
    store.pipe("/shop/photos/../f.png", b"outside")
    table = Table.of({"image": ["red/a.PNG", "c", "notes.txt"], "colour": ["red", "d.jpg", "e"]})
    counted: list[tuple[int, int]] = []
    folder = fetch_pictures("memory://shop/photos", tmp_path, table=table, told=lambda *one: counted.append(one))
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert found == ["c.png", "d.png", "red/A.png"]
    assert counted[-1] == (3, 3)
    counted.clear()
    assert (
        fetch_pictures("memory://shop/photos/", tmp_path, table=table, told=lambda *one: counted.append(one)) == folder
    )
    assert counted == []
    assert not (folder.parent / "f.png").exists()


def test_a_listing_has_the_order_of_a_folder(store: object, tmp_path: Path) -> None:
    for name in ("b.png", "a/2.png", "a/10.PNG", "a.png", "a-b.png", "t.csv"):
        store.pipe(f"/shop/photos/{name}", name.encode())
    there = list_pictures("memory://shop/photos/")
    whole = fetch_pictures("memory://shop/photos", tmp_path / "whole", table=None)
    assert there.names == [path.relative_to(whole).as_posix() for path in list_folder(whole)]
    assert [there.holds(cell) for cell in ("A/10.png", "10", "./a.png", "c.png")] == [True, True, True, False]
    folder = there.copied(["a.png"], tmp_path)
    assert [path.name for path in list_folder(folder)] == ["a.png"]
    assert there.copied([], tmp_path) == folder


def test_what_is_gone_there_is_gone_here(store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        store.pipe(f"/shop/photos/{name}", name.encode())
    folder = fetch_pictures("memory://shop/photos", tmp_path, table=None)
    part = folder / "b.png.4567.part"
    part.write_bytes(b"half")
    os.utime(part, (1_000_000_000, 1_000_000_000))  # dated, and about to get its name
    store.rm("/shop/photos/a.png")
    assert fetch_pictures("memory://shop/photos", tmp_path, table=None) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["b.png", part.name]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100_000)
    fetch_pictures("memory://shop/photos", tmp_path, table=None)
    assert [path.name for path in folder.iterdir()] == ["b.png"]


def test_a_picture_that_changed_there_is_copied_again(store: object, tmp_path: Path) -> None:
    """Of the same size, too; one that did not change stays as it is, and a copy is the same wherever it is made."""
    for name in ("a", "b"):
        store.pipe(f"/shop/photos/{name}.png", b"AAAA")
    copied: list[tuple[int, int]] = []

    def fetch(below: Path) -> dict[str, tuple[bytes, int]]:
        copied.clear()
        folder = fetch_pictures("memory://shop/photos", below, table=None, told=lambda *one: copied.append(one))
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}

    first = fetch(tmp_path)
    store.pipe("/shop/photos/a.png", b"BBBB")
    second = fetch(tmp_path)
    assert copied == [(2, 2)]
    assert second["a.png"][0] == b"BBBB"
    assert second["a.png"][1] != first["a.png"][1], "a shard that was done is no longer that one"
    assert second["b.png"] == first["b.png"]
    assert fetch(tmp_path) == second
    assert copied == []
    assert fetch(tmp_path / "elsewhere") == second


def test_names_that_begin_with_a_point_are_fetched(store: object, tmp_path: Path) -> None:
    names = [".a.png", "red/.b.png", "...c.png", "d.png", "e.png"]
    for name in (*names, "a.png", "b.png", "c.png"):
        store.pipe(f"/shop/photos/{name}", name.encode())
    table = Table.of({"image": [".a.png", "./red/.b.png", "...c.png", "../photos/d.png", ".\\e.png"]})
    folder = fetch_pictures("memory://shop/photos", tmp_path, table=table)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png")) == sorted(names)


def test_nothing_there_is_said(store: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"memory://shop/no\.csv cannot be read"):
        fetch_file("memory://shop/no.csv", tmp_path)
    with pytest.raises(UserError, match="Found none below memory://shop/photos"):
        fetch_pictures("memory://shop/photos", tmp_path, table=None)
    with pytest.raises(UserError, match="of a kind that fsspec knows"):
        fetch_file("nosuchkind://shop/t.csv", tmp_path)


def test_a_kind_whose_package_is_not_installed_says_which(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(UnavailableError, match="s3fs for s3"):
            fetch_file("s3://shop/t.csv", tmp_path)


def test_a_run_is_trained_on_what_lies_behind_addresses(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "cache"))
    _features_there(store)
    said: list[Event] = []
    run = api.train(
        Path("memory://shop/t.csv"), features="memory://shop/x.npy", out=tmp_path / "run", settings=TINY,
        report=said.append,
    )  # fmt: skip
    assert run.metrics["overall"]["labelled"] > 0
    told = [event.message for event in said if (event.data or {}).get("code") == "fetched"]
    assert [line.split(" ")[0] for line in told] == ["memory://shop/t.csv", "memory://shop/x.npy"]


def _features_there(store: object) -> None:
    """60 rows whose first feature decides."""
    features = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    sink = io.BytesIO()
    np.save(sink, features)
    store.pipe("/shop/x.npy", sink.getvalue())
    lines = ["image,worn", *(f"photos/{n}.png,{'yes' if row[0] > 0 else 'no'}" for n, row in enumerate(features))]
    store.pipe("/shop/t.csv", "\n".join(lines).encode())


def test_a_comparison_and_a_sweep_read_what_lies_behind_addresses(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "cache"))
    _features_there(store)
    options = {"features": "memory://shop/x.npy", "settings": TINY}
    axes = {"vary": ["batch_size=16,32"], "seeds": 1}
    found = api.compare("memory://shop/t.csv", out=tmp_path / "there", **axes, **options)
    assert [one.mean is not None for one in found.variants] == [True, True]
    for name in ("t.csv", "x.npy"):
        (tmp_path / name).write_bytes(store.cat(f"/shop/{name}"))
    here = {**options, "features": tmp_path / "x.npy"}
    local = api.compare(tmp_path / "t.csv", out=tmp_path / "here", **axes, **here)
    assert [one.mean for one in found.variants] == [one.mean for one in local.variants]
    # The same command goes on from what is there.
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "there" / "cells").iterdir()}
    api.compare("memory://shop/t.csv", out=tmp_path / "there", **axes, **options)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "there" / "cells").iterdir()} == cells
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    best = api.sweep(
        "memory://shop/t.csv", out=tmp_path / "sweep", search=["batch_size=16,32"], trials=2, **options
    ).best
    assert best.score is not None


def _photos_there(store: object) -> list[str]:
    """48 red and blue pictures with their table beside them; the colours."""
    generator = np.random.default_rng(0)
    shade = ["red" if one else "blue" for one in generator.integers(0, 2, 48)]
    for number, colour in enumerate(shade):
        sink = io.BytesIO()
        own = generator.integers(0, 120, (16, 16, 3)) + ([120, 0, 0] if colour == "red" else [0, 0, 120])
        Image.fromarray(own.astype(np.uint8)).save(sink, "PNG")
        store.pipe(f"/shop/photos/{number}.png", sink.getvalue())
    lines = [f"{number}.png,{colour}" for number, colour in enumerate(shade)]
    store.pipe("/shop/photos/t.csv", "\n".join(["image,colour", *lines]).encode())
    return shade


def _predicted_in_shards(run: Run, folder: Path) -> None:
    """By table and pictures, and by the pictures alone; done again, nothing is done."""
    for source, images in (("memory://shop/gaps.csv", "memory://shop/photos"), ("memory://shop/photos", None)):
        whole = run.predict(source, images=images).write(folder / "whole.csv").read_text(encoding="utf-8").splitlines()
        out, rows = folder / f"{Path(source).stem}.csv", []
        for number in (1, 2):
            words = ["predict", str(run.path), source, "--shard", f"{number}/2", "--out", str(out)]
            assert run_command([*words, *(["--images", images] if images else [])]) == 0
            rows += shard_file(out, Shard(number, 2)).read_text(encoding="utf-8").splitlines()[1:]
        assert rows == whole[1:]
        told = {"images": images, "given": (), "sets": False, "checkpoint": "best_score"}
        assert predict_shard(run, Path(source), Shard(1, 2), out, **told) is None


def test_a_table_behind_an_address_is_filled(store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path / "cache", api)
    _photos_there(store)
    store.pipe("/shop/gaps.csv", b"image,colour\n0.png,\n1.png,green\n2.png,\n")
    shutil.copytree(tiny_graphs() / "graphs", tmp_path / "cache" / "graphs")
    run = api.train("memory://shop/photos/t.csv", out=tmp_path / "run", settings=TINY)
    # Without a folder of pictures, a table has its own beside it, wherever it is.
    assert run.fill("memory://shop/gaps.csv", images="memory://shop/photos").counts["kept"] == 1
    filled = run.fill("memory://shop/photos/t.csv")
    assert filled.counts["kept"] == 48
    out = tmp_path / "filled.csv"
    assert run_command(["fill", "memory://shop/gaps.csv", "--images", "memory://shop/photos", "--run", str(run.path),
                        "--out", str(out)]) == 0  # fmt: skip
    cells = [line.split(",")[1] for line in out.read_text(encoding="utf-8").splitlines()[1:]]
    assert cells[1] == "green"
    _predicted_in_shards(run, tmp_path)
    assert {cells[0], cells[2]} <= {"red", "blue"}


def test_a_run_is_judged_and_data_compared_behind_an_address(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, tmp_path / "cache", api)
    _photos_there(store)
    run = api.train("memory://shop/photos/t.csv", out=tmp_path / "run", settings=TINY)
    store.pipe("/shop/new.csv", store.cat("/shop/photos/t.csv"))
    there = {"images": "memory://shop/photos"}
    assert run.evaluate("memory://shop/new.csv", **there).items == 48
    assert studies.drift(run, "memory://shop/photos/t.csv").unreadable == 0
    for command in ("evaluate", "drift"):
        words = [command, str(run.path), "memory://shop/new.csv", "--images", "memory://shop/photos", "--json"]
        assert run_command(words) == 0
        assert json.loads(capsys.readouterr().out)["run"] == str(run.path)
    assert run_command(words[:-1]) == 0
    assert "cells of unseen classes" in " ".join(capsys.readouterr().out.split())


def test_what_lies_behind_an_address_is_audited(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, tmp_path / "cache", api, _audit)
    monkeypatch.chdir(tmp_path)
    shade = _photos_there(store)
    # A number that cannot be read stops a training; an audit tells of it.
    sizes = ["12,9O", *(f"{10 * (colour == 'red') + n / 48:.2f}" for n, colour in enumerate(shade[1:]))]
    lines = [f'{n}.png,{colour},"{size}"' for n, (colour, size) in enumerate(zip(shade, sizes, strict=True))]
    store.pipe("/shop/t.csv", "\n".join(["image,colour,size", *lines]).encode())
    found = studies.audit("memory://shop/t.csv", images="memory://shop/photos", pictures=False)
    assert [(one.row, one.attribute, one.old) for one in found.queue if one.kind == "number"] == [(0, "size", "12,9O")]
    words = ["audit", "memory://shop/t.csv", "--images", "memory://shop/photos", "--no-pictures"]
    assert run_command(words) == 0
    said = capsys.readouterr().out
    assert said.index("write yes under accept") < said.index(
        "facetwise train memory://shop/t.csv --images memory://shop/photos"
    )
    assert (tmp_path / "t_audit" / "queue.csv").is_file()
    assert not (tmp_path / "memory:").exists()


def test_a_separate_test_table_and_corrections_lie_behind_addresses(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "cache"))
    stand_in(monkeypatch, tmp_path / "cache", api)
    for number in range(40):
        store.pipe(f"/shop/photos/{number}.png", _picture((255 * (number % 2), 6 * number, 0)))
    lines = [f"{number}.png,{'red' if number % 2 else 'green'}" for number in range(40)]
    store.pipe("/shop/t.csv", "\n".join(["image,colour", *lines[:30]]).encode())
    store.pipe("/shop/other/test.csv", "\n".join(["image,colour", *lines[30:]]).encode())
    store.pipe("/shop/c.csv", b"image,attribute,old,new\n4.png,colour,green,red\n")
    run = api.train(
        "memory://shop/t.csv", images="memory://shop/photos", test="memory://shop/other/test.csv",
        corrections="memory://shop/c.csv", out=tmp_path / "run", settings=TINY,
    )  # fmt: skip
    prepared = run.prepared
    assert len(prepared.split.rows("test")) == 10  # their pictures were copied though the first table names others
    assert prepared.table.column("colour")[4] == "red"


def test_what_reads_files_alone_refuses_an_address(tmp_path: Path) -> None:
    write_table(tmp_path)
    with pytest.raises(UserError, match=r"file or folder of this machine .* Found \w+://shop/.* Fix: copy it here"):
        read_table("memory://shop/t.csv")
    with pytest.raises(UserError, match="Found gs://shop/photos"):
        root_of(tmp_path / "t.csv", "gs://shop/photos")


def test_pictures_behind_an_address_are_described(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path / "cache", api)
    for number in range(3):
        store.pipe(f"/shop/photos/{number}.png", _picture((80 * number, 0, 0)))
    store.pipe("/shop/t.csv", b"image,colour\n0.png,red\n2.png,red\nno.png,red\n")
    summary = api.extract("memory://shop/t.csv", images="memory://shop/photos", device="torch:cpu")
    assert (summary.images, summary.computed) == (3, 2)
    assert [name for name, *_ in summary.problems] == ["no.png"]
    for number, (own, copied) in enumerate([({"0.png"}, 1), ({"0.png", "2.png"}, 1), ({"0.png", "2.png"}, 0)], start=1):
        part = api.extract(
            "memory://shop/t.csv", images="memory://shop/photos", device="torch:cpu", cache=tmp_path / "part",
            shard=f"{number}/3",
        )  # fmt: skip
        assert (part.images, part.computed) == (1, copied)
        assert {path.name for path in (tmp_path / "part" / "remote").rglob("*.png")} == own
    # Who works elsewhere sees the cache that was named, and no other.
    api.extract("memory://shop/t.csv", images="memory://shop/photos", device="torch:cpu", cache=tmp_path / "own")
    copies = [path.relative_to(tmp_path / "own").parts for path in (tmp_path / "own").rglob("*.png")]
    assert {(parts[0], parts[-1]) for parts in copies} == {("remote", "0.png"), ("remote", "2.png")}
    assert list((tmp_path / "own" / "remote").rglob("t.csv"))


def test_an_address_in_a_cell_stays_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "t.csv").write_text("image,colour\nmemory://shop/0.png,red\n")
    with pytest.raises(UserError):
        api.extract(tmp_path / "t.csv")
    assert not (tmp_path / "cache" / "remote").exists()
    table = Table.of({"image": ["memory://shop/0.png"]})
    assert resolve_images(table, "image", tmp_path)[2] == {0: ("refused", "memory://shop/0.png")}
