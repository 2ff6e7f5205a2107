"""What a marker stands for, what a shard may cost, and what actors are given: cores, and files that they see."""

import shutil
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from facetwise.errors import ImageError, UserError
from facetwise.features import Sharded, _extract, _pipeline, _ray, _sharded, _worker
from facetwise.features._budget import Machine
from facetwise.features._cluster import Cluster
from facetwise.features._shards import ShardTask, cut_into_tasks
from facetwise.features._worker import ShardWorker, TunedWeights, WorkerPlan
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


def _machine(**own: int) -> Machine:
    return Machine(**{"memory": 10**12, "available": 10**12, "disk": 10**12, **own})


def test_a_shard_holds_nothing_in_memory_and_its_disk_is_spoken_of_once(
    made: _Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four pictures are 576 bytes."""
    small = _machine(memory=100, available=100, disk=100)
    for module in (_extract, _sharded):
        monkeypatch.setattr(module, "measure_machine", lambda _: small)
    said: list[str] = []

    def extracted(**own: object) -> int:
        told = {"progress": lambda *_: None, "warn": said.append}
        sharded = Sharded(backbone="tiny", **own)
        return sharded(made.paths, backbone=TinyBackbone(), cache=made.cache, device="cpu", workers=1, **told).computed

    assert extracted(one_task=True, in_memory=False) == 4  # of five, one of them broken
    [warning] = said
    assert warning.startswith("the disk of the cache may not suffice")
    # Who is going to hold all rows is told before the first one is computed.
    with pytest.raises(UserError, match="the features fit into memory"):
        extracted(one_task=True)


def _asked_of_ray(
    patch: pytest.MonkeyPatch, nodes: list[dict[str, int]], tasks: list[ShardTask], plan: WorkerPlan, actors: int
) -> tuple[WorkerPlan, dict[str, Any]]:
    """What a crew is made with."""
    ray = SimpleNamespace(
        nodes=lambda: [{"Alive": True, "Resources": node} for node in nodes],
        cluster_resources=lambda: dict(sum((Counter(node) for node in nodes), Counter())),
    )
    met: list[tuple[WorkerPlan, dict[str, Any]]] = []

    class StoppedError(Exception):
        pass

    def crew(_: object, __: object, plan: WorkerPlan, **given: Any) -> None:
        met.append((plan, given))
        raise StoppedError

    patch.setattr(_ray, "joined_cluster", lambda _: nullcontext(Cluster(ray=ray, heed=lambda: None)))
    patch.setattr(_ray, "Crew", crew)
    with pytest.raises(StoppedError):
        _ray.run_in_ray(tasks, plan, address=None, actors=actors, told=print, warn=print)
    return met[0]


_CORES, _CARDS = [{"CPU": 64}, {"CPU": 64}, {}], [{"CPU": 96, "GPU": 8}, {"CPU": 96, "GPU": 8}, {"CPU": 4}]


@pytest.mark.parametrize(
    ("nodes", "device", "actors", "workers", "places", "threads"),
    [
        (_CORES, "cpu", 0, 0, 128, 1),
        (_CORES, "cpu", 4, 0, 4, 32),
        (_CORES, "cpu", 3, 0, 3, 32),
        (_CORES, "cpu", 0, 4, 32, 4),
        (_CARDS, "auto", 0, 0, 16, 12),
        (_CARDS, "auto", 2, 0, 2, 96),
        ([{"CPU": 64}, {"CPU": 8}], "cpu", 2, 0, 2, 32),
        ([{"CPU": 1}, {"CPU": 32}, {"CPU": 32}], "cpu", 2, 0, 2, 32),
        ([{"CPU": 8, "GPU": 1}, {"CPU": 64, "GPU": 8}], "auto", 0, 0, 9, 8),
        ([{"CPU": 2}], "cpu", 5, 0, 5, 1),
    ],
)
def test_actors_share_out_the_cores_of_their_machines(
    monkeypatch: pytest.MonkeyPatch, nodes: list[dict[str, int]], device: str, actors: int, workers: int, places: int,
    threads: int,
) -> None:  # fmt: skip
    plan = WorkerPlan(backbone="tiny", cache="cache", device=device, threads=workers)
    found, given = _asked_of_ray(monkeypatch, nodes, [], plan, actors)
    assert (given["places"], found.threads, given["cores"]) == (places, threads, threads)


def test_nothing_is_decided_for_a_cluster_by_the_cores_of_this_machine(
    made: _Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    def run(_: object, plan: WorkerPlan, **__: object) -> None:
        raise StoppedError(plan.threads)

    monkeypatch.setattr(_sharded, "run_in_ray", run)
    told = {"progress": lambda *_: None, "warn": print}
    with pytest.raises(StoppedError, match=r"^0$"):
        Sharded(backbone="tiny", engine="ray")(made.paths, backbone=TinyBackbone(), cache=made.cache, **told)


def test_every_node_is_asked_for_pictures_and_weights(
    made: _Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    paths = [tmp_path / "nowhere" / "0.jpg", other / "missing.jpg", *made.paths, *photographs(other, 2)]
    tuned = TunedWeights(file=str(tmp_path / "backbone.safetensors"), sha256="5" * 64, licence="CC0-1.0")
    plan = WorkerPlan(backbone="tiny", cache=str(made.cache), tuned=tuned)
    _, given = _asked_of_ray(monkeypatch, _CORES, cut_into_tasks(paths, None, shards=3), plan, 2)
    assert given["read"] == [Path(tuned.file), made.paths[0], other / "00000.jpg"]
    assert given["written"] == [made.cache]
    # A node that sees neither weights nor cache says so, in place of dying over them or of making a cache of its own.
    blind = ShardWorker(WorkerPlan(backbone="tiny", cache=str(tmp_path / "blind"), tuned=tuned))
    assert blind.sees([tuned.file, str(made.paths[0])]) == [tuned.file]
    assert not (tmp_path / "blind").exists()
