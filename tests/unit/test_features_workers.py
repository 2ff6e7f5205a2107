"""What the marker of a shard stands for, and what it costs to do one: never a read that failed for the moment."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from facetwise.errors import ImageError
from facetwise.features import _pipeline, _worker
from facetwise.features._shards import cut_into_tasks
from facetwise.features._worker import ShardWorker, WorkerPlan
from pictures import photographs
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs


@dataclass(frozen=True)
class _Made:
    paths: list[Path]
    cache: Path

    def worker(self) -> ShardWorker:
        return ShardWorker(WorkerPlan(backbone="tiny", cache=str(self.cache), device="cpu", threads=1))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Made:
    monkeypatch.setattr(_worker, "create_backbone", lambda *_, **__: TinyBackbone())
    cache, pictures = tmp_path / "cache", tmp_path / "pictures"
    shutil.copytree(tiny_graphs() / "graphs", cache / "graphs")
    pictures.mkdir()
    paths = photographs(pictures, 4)
    (pictures / "broken.jpg").write_bytes(b"no picture")
    return _Made([*paths, pictures / "broken.jpg"], cache)


@pytest.mark.parametrize("reason", ["permission", "unreadable", "missing"])
def test_a_picture_that_could_not_be_read_for_the_moment_is_tried_again(
    made: _Made, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    read = _pipeline.read_bytes

    def failing(path: Path, **options: object) -> bytes:
        if path == made.paths[1]:
            raise ImageError(reason, "the disk did not answer")
        return read(path, **options)

    [task] = cut_into_tasks(made.paths, None, shards=1)
    with monkeypatch.context() as patch:
        patch.setattr(_pipeline, "read_bytes", failing)
        first = made.worker().run(task)
    assert {place: told for place, (told, _) in first.problems.items()} == {1: reason, 4: "not_an_image"}
    second = made.worker().run(task)
    assert not second.before
    assert second.computed == 1
    assert list(second.problems) == [4]
    # Bytes that are no picture stay none: that is known for good.
    assert made.worker().run(task).before
