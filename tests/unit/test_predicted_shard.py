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
from facetwise.runs import predict_shard, shard_file


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
    return _Run(path=tmp_path / "run")


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
    # A file without a marker is what a dead process left: it is done again.
    shard_file(out, shard).with_name("filled.2-of-3.csv.done").unlink()
    assert predict_shard(run, source, shard, out) is not None
    assert predict_shard(run, source, shard, out) is None
