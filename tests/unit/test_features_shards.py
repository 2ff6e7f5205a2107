"""Shards: whole and disjoint, done once, done again by somebody else, and refused where anybody could do them."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from facetwise.errors import UnavailableError, UserError
from facetwise.features import FeatureStore, Shard, Sharded, TunedWeights, _worker, extract
from facetwise.features._cluster import check_address
from facetwise.features._crew import ATTEMPTS
from facetwise.features._pool import run_in_processes
from facetwise.features._ray import run_in_ray
from facetwise.features._shards import Ledger, cut_into_tasks
from facetwise.features._worker import ShardWorker, WorkerPlan
from facetwise.models.backbones import TunedBackbone, create_backbone
from pictures import photographs
from tiny_backbone import TinyBackbone

PICTURES = 24


@given(items=st.integers(0, 200), of=st.integers(1, 50))
def test_every_item_is_in_one_shard(items: int, of: int) -> None:
    parts = [list(range(items))[Shard(number, of).slice(items)] for number in range(1, of + 1)]
    assert [item for part in parts for item in part] == list(range(items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(UserError, match="a shard is i/n"):
        Shard.parse(text)


def test_a_shard_that_kills_workers_is_named() -> None:
    ledger = Ledger(cut_into_tasks([Path("a"), Path("b")], None, shards=2))
    task = ledger.pending.popleft()
    for _ in range(ATTEMPTS - 1):
        ledger.fail(task, "signal 9")
        assert ledger.pending.popleft() is task
    with pytest.raises(UserError, match=r"shard 1/2, pictures 1 to 1, over which 3 workers died \(signal 9\)"):
        ledger.fail(task, "signal 9")


def test_who_may_be_asked() -> None:
    for own in (None, "local", "127.0.0.1:6379", "localhost:6379", "ray://127.0.0.1:10001", "[::1]:6379"):
        assert check_address(own, {}) == (own or "local")
    for foreign in ("10.0.0.1:6379", "ray://cluster.example:10001", "0.0.0.0:6379", "127.0.0.1.example.org:6379"):
        with pytest.raises(UserError, match="asks for a token"):
            check_address(foreign, {"RAY_AUTH_MODE": "disabled"})
        assert check_address(foreign, {"RAY_AUTH_MODE": "token"}) == foreign
    with pytest.raises(UserError, match="asks for a token"):
        Sharded(backbone="lite0", engine="ray", address="10.0.0.1:6379")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    made = photographs(folder, PICTURES)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return [*made, folder / "broken.jpg", made[0], folder / "missing.jpg"]


@pytest.fixture(scope="module")
def alone(paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """The cache of one process that did everything at once."""
    return extract(paths, backbone=create_backbone("lite0"), cache=tmp_path_factory.mktemp("alone"), workers=1).store


@pytest.fixture
def cache(alone: FeatureStore, tmp_path: Path) -> Path:
    """Without rows, but with the graph of the backbone: exporting it takes longer than all of this."""
    shutil.copytree(alone.folder.parent / "graphs", tmp_path / "cache" / "graphs")
    return tmp_path / "cache"


def _plan(cache: Path) -> WorkerPlan:
    return WorkerPlan(backbone="lite0", cache=str(cache), device="cpu", threads=1)


def _same(cache: Path, alone: FeatureStore, *, twice: bool = False) -> None:
    """The same rows, byte for byte by key; none of them twice on the disk, unless two may have worked at one shard."""
    store = FeatureStore(cache, key=ShardWorker(_plan(cache)).opened.key, width=alone.width)
    written = [
        row for part in store.folder.glob("index/*.parquet") for row in pl.read_parquet(part)["digest"].to_list()
    ]
    assert twice or sorted(written) == alone.digests()
    assert store.digests() == alone.digests()
    np.testing.assert_array_equal(store.read(store.digests()), alone.read(alone.digests()))


@pytest.mark.slow
def test_done_again_is_done(paths: list[Path], alone: FeatureStore, cache: Path) -> None:
    worker = ShardWorker(_plan(cache))
    tasks = cut_into_tasks(paths, None, shards=3)
    first = [worker.run(task) for task in tasks]
    assert sum(one.computed for one in first) == PICTURES
    again = [ShardWorker(_plan(cache)).run(task) for task in tasks]
    # The last one has a picture that is missing, and may be there by now.
    assert [one.before for one in again] == [True, True, False]
    assert [one.computed for one in again] == [0] * 3
    assert [one.problems for one in again] == [one.problems for one in first]
    assert sorted(place for one in first for place in one.problems) == [PICTURES, PICTURES + 2]
    _same(cache, alone)
    # A shard of the cache that is gone is noticed, whatever the marker says.
    shards = [path for path in worker.opened.store.folder.glob("shards/*") if path.is_file()]
    shards[0].unlink()
    assert sum(ShardWorker(_plan(cache)).run(task).computed for task in tasks) > 0
    _same(cache, alone)


@pytest.mark.slow
def test_a_process_dies(paths: list[Path], alone: FeatureStore, cache: Path) -> None:
    said: list[str] = []

    def kill(_: object) -> None:
        if not said and not killed:
            child = multiprocessing.active_children()[0]
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    killed: list[int] = []
    tasks = cut_into_tasks(paths, None, shards=9)
    done = run_in_processes(tasks, _plan(cache), processes=2, told=kill, warn=said.append)
    assert killed
    assert [one.shard for one in done] == [task.shard for task in tasks]
    _same(cache, alone)
    time.sleep(0.1)
    assert not multiprocessing.active_children()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own start
def test_a_node_dies(paths: list[Path], alone: FeatureStore, cache: Path) -> None:
    """Both nodes beside the head are killed in the middle of the extraction, and another one joins."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}, connect=False)
    # Ray turns a loopback address into that of this machine, which is the one that its cluster listens at.
    address = f"127.0.0.1:{cluster.address.rpartition(':')[2]}"
    said: list[str] = []
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        done_so_far: list[object] = []

        def kill(one: object) -> None:
            done_so_far.append(one)
            if len(done_so_far) == 2:
                for node in nodes:
                    cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=1)

        tasks = cut_into_tasks(paths, None, shards=9)
        done = run_in_ray(tasks, _plan(cache), address=address, actors=2, told=kill, warn=said.append)
    finally:
        cluster.shutdown()
    assert [one.shard for one in done] == [task.shard for task in tasks]
    assert said, "an actor died while it had work"
    _same(cache, alone, twice=True)


def _with_all_below(processes: Iterable[int]) -> set[int]:
    """Processes and whatever they have begun."""
    found, parents = set(processes), {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _has_an_actor(processes: Iterable[int]) -> bool:
    """Whether one of them is at work for Ray, which names its processes by what they do."""
    for pid in processes:
        with suppress(OSError):
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if title.startswith(b"ray::") and not title.startswith(b"ray::IDLE"):
                return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are found by /proc")
@pytest.mark.filterwarnings("ignore")  # of Ray's own start
def test_a_machine_falls_silent(paths: list[Path], alone: FeatureStore, cache: Path) -> None:
    """All of a node stands still in the middle of a shard; nothing is closed, and only Ray's heartbeat tells."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    heartbeat = {"health_check_period_ms": 1000, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": heartbeat}
    cluster = Cluster(initialize_head=True, head_node_args=head, connect=False)
    address = f"127.0.0.1:{cluster.address.rpartition(':')[2]}"
    said: list[str] = []
    stopped: set[int] = set()
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

        def stop(_: object) -> None:
            if stopped:
                return
            until = time.monotonic() + 60
            while not _has_an_actor(below := _with_all_below(each.pid for _, each in nodes[0].live_processes())):
                assert time.monotonic() < until, "an actor starts on every node"
                time.sleep(0.1)
            stopped.update(below)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)

        tasks = cut_into_tasks(paths, None, shards=9)
        done = run_in_ray(tasks, _plan(cache), address=address, actors=2, told=stop, warn=said.append)
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        cluster.shutdown()
    assert [one.shard for one in done] == [task.shard for task in tasks]
    assert said, "an actor was given up"
    _same(cache, alone, twice=True)


def test_a_worker_describes_with_the_weights_that_a_run_changed(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows under the digest of those weights, as one process makes them; a node that does not see the file says so."""
    tensors = {name: value.numpy() * 1.5 for name, value in TinyBackbone().describer().state_dict().items()}
    file = tmp_path / "backbone.safetensors"
    save_file(tensors, file)
    monkeypatch.setattr(_worker, "network_of", lambda *_, **__: TinyBackbone())
    told = {"sha256": "5" * 64, "licence": "Apache-2.0"}
    alone = TunedBackbone(origin=TinyBackbone(), tensors=tensors, digest="5" * 64, licence="Apache-2.0")
    pictures = paths[:2]
    expected = extract(pictures, backbone=alone, cache=tmp_path / "one", device="cpu", workers=1)
    tuned = TunedWeights(file=str(file), **told)
    plan = WorkerPlan(backbone="tiny", cache=str(tmp_path / "two"), device="cpu", threads=1, tuned=tuned)
    [task] = cut_into_tasks(pictures, None, shards=1)
    found = ShardWorker(plan).run(task)
    assert list(found.keys) == expected.keys
    store = ShardWorker(plan).opened.store
    np.testing.assert_array_equal(store.read(store.digests()), expected.store.read(expected.store.digests()))
    with pytest.raises(UnavailableError, match="share"):
        ShardWorker(replace(plan, tuned=TunedWeights(file=str(tmp_path / "none"), **told))).run(task)
