"""A prediction in shards: the rows of the whole, done once, and never mixed up with another."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from facetwise.data import read_table
from facetwise.decisions import Cell
from facetwise.errors import RunError
from facetwise.features import Shard
from facetwise.inference import Answers, is_table
from facetwise.inference._sources import Listed
from facetwise.runs import _predicted_shard, predict_shard, shard_file


class _Run(SimpleNamespace):
    """Says of every picture the length of its name."""

    asked = 0

    def predict(self, source: object, *, images: object, report: object, **_: object) -> Answers:
        del images, report
        self.asked += 1
        if isinstance(source, Listed):
            names = source.names
        elif isinstance(source, list):
            names = [str(one) for one in source]
        else:
            names = list(read_table(source).column("image"))
        cells = [Cell(value=str(len(name)), state="value", confidence=0.5) for name in names]
        rows = [{"image": n, "issue": None, "n": cell} for n, cell in zip(names, cells, strict=True)]
        return Answers(("n",), rows)


@pytest.fixture
def run(tmp_path: Path) -> _Run:
    (tmp_path / "run" / "bundle").mkdir(parents=True)
    (tmp_path / "run" / "bundle" / "bundle.json").write_text("{}")
    schema, config = SimpleNamespace(images=("image",)), SimpleNamespace(allow_outside_root=False)
    return _Run(path=tmp_path / "run", schema=schema, config=config)


def _source(kind: str, folder: Path) -> object:
    names = [f"{'x' * n}.jpg" for n in range(1, 8)]
    (folder / "photos").mkdir()
    for name in names:
        (folder / "photos" / name).write_bytes(b"")
    if kind == "table":
        (folder / "t.csv").write_text("image\n" + "\n".join(names) + "\n")
        return folder / "t.csv"
    return folder / "photos" if kind == "folder" else [folder / "photos" / name for name in names]


@pytest.mark.parametrize("kind", ["table", "folder", "list"])
def test_shards_are_the_whole(kind: str, run: _Run, tmp_path: Path) -> None:
    source, out = _source(kind, tmp_path), tmp_path / "filled.csv"
    if is_table(source) and kind == "table":
        whole = run.predict(source, images=None, report=None)
    else:
        whole = run.predict(
            source if kind == "list" else Listed(sorted(p.name for p in source.iterdir()), []), images=None, report=None
        )
    lines = whole.write(tmp_path / "whole.csv").read_text().splitlines()
    found = []
    for number in (3, 1, 2):
        assert predict_shard(run, source, Shard(number, 3), out) is not None
    for number in (1, 2, 3):
        head, *rows = shard_file(out, Shard(number, 3)).read_text().splitlines()
        assert head == lines[0]
        found += rows
    assert found == lines[1:]


def test_done_is_done_and_another_is_refused(run: _Run, tmp_path: Path) -> None:
    source, out, shard = _source("table", tmp_path), tmp_path / "filled.csv", Shard(2, 3)
    predict_shard(run, source, shard, out)
    assert predict_shard(run, source, shard, out) is None
    assert run.asked == 1
    with pytest.raises(RunError, match="another run, source or options"):
        predict_shard(run, source, shard, out, sets=True)
    (run.path / "bundle" / "bundle.json").write_text('{"another": 1}')
    with pytest.raises(RunError, match="another run"):
        predict_shard(run, source, shard, out)
    assert predict_shard(run, source, shard, out, overwrite=True) is not None


@pytest.mark.parametrize("kind", ["table", "folder", "list"])
def test_pictures_that_changed_under_their_names_are_no_longer_done(kind: str, run: _Run, tmp_path: Path) -> None:
    source, out, shard = _source(kind, tmp_path), tmp_path / "filled.csv", Shard(2, 3)
    folder = tmp_path / "photos"
    options = {"images": folder} if kind == "table" else {}
    predict_shard(run, source, shard, out, **options)
    (folder / "x.jpg").write_bytes(b"another picture")  # the first of seven: in shard 1
    assert predict_shard(run, source, shard, out, **options) is None
    (folder / "xxxx.jpg").write_bytes(b"another picture")
    with pytest.raises(RunError, match="changed under the same name"):
        predict_shard(run, source, shard, out, **options)
    assert predict_shard(run, source, shard, out, overwrite=True, **options) is not None
    assert predict_shard(run, source, shard, out, **options) is None


def test_a_file_that_is_none_of_ours_is_left_alone(run: _Run, tmp_path: Path) -> None:
    source, out, shard = _source("table", tmp_path), tmp_path / "filled.csv", Shard(2, 3)
    path = shard_file(out, shard)
    path.write_text("somebody's own table")
    with pytest.raises(RunError, match=r"which something else has written. Fix: --overwrite"):
        predict_shard(run, source, shard, out)
    assert path.read_text() == "somebody's own table"
    assert run.asked == 0
    assert predict_shard(run, source, shard, out, overwrite=True) is not None
    path.write_text("a cell corrected by hand")
    with pytest.raises(RunError, match="changed since"):
        predict_shard(run, source, shard, out)


def test_a_task_that_died_is_done_again_without_being_asked(
    run: _Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between rows and marker: a scheduler starts the task again as it was."""
    source, out, shard = _source("table", tmp_path), tmp_path / "filled.csv", Shard(2, 3)
    write = _predicted_shard.write_json

    def dying(path: Path, data: object) -> None:
        if path.suffix == ".done":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(_predicted_shard, "write_json", dying)
    with pytest.raises(KeyboardInterrupt):
        predict_shard(run, source, shard, out)
    assert shard_file(out, shard).exists()
    monkeypatch.undo()
    assert predict_shard(run, source, shard, out) is not None
    assert predict_shard(run, source, shard, out) is None
    assert not list(tmp_path.glob("*.begun"))
