"""`facetwise extract --processes 2`: the process that leads is struck, and its workers do not outlive it for long."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facetwise.data.catalogue import draw_catalogue
from facetwise.features._extract import open_features
from facetwise.models.backbones import create_backbone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(f"/proc/self/task/{os.getpid()}/children").is_file(), reason="asks Linux for a process's children"
    ),
]

ITEMS = 360
# As the command, with small shards: there have to be some that are done and some that are not.
COMMAND = (
    "from facetwise.features import _shards; _shards.PICTURES_PER_SHARD = 12; import facetwise.__main__ as m; m.main()"
)
# Without a leader a worker finishes the shard that it is at, and then finds that nobody is there.
SECONDS_TO_END = 60.0
SECONDS_TO_BEGIN = 120.0


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_catalogue(tmp_path_factory.mktemp("shop"), items=ITEMS)


@pytest.fixture(scope="module")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of a process that is not disturbed."""
    cache = tmp_path_factory.mktemp("whole")
    _finished(table, cache)
    return cache


def _started(table: Path, cache: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", COMMAND, "extract", str(table), "--cache", str(cache), "--device", "cpu", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*words, *more], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finished(table: Path, cache: Path, *more: str) -> dict[str, int]:
    work = _started(table, cache, *more)
    told, said = work.communicate(timeout=300)
    assert work.returncode == 0, said
    return json.loads(told)


def _rows(cache: Path) -> dict[str, bytes]:
    """By key; `open_features` refuses a row that is there twice or torn."""
    import polars

    store = open_features(create_backbone("lite0"), cache=cache, device="cpu").store
    parts = sorted((store.folder / "index").glob("*.parquet"))
    keys = [key for part in parts for key in polars.read_parquet(part, columns=["digest"])["digest"].to_list()]
    assert len(keys) == len(set(keys)), "a row is there twice"
    return {key: row.tobytes() for key, row in zip(keys, store.read(keys), strict=True)}


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("struck", [signal.SIGKILL, signal.SIGTERM])
def test_the_leader_is_struck(table: Path, whole: Path, tmp_path: Path, struck: signal.Signals) -> None:
    expected, cache = _rows(whole), tmp_path / "cache"
    shutil.copytree(whole / "graphs", cache / "graphs")  # whose export takes longer than all the rest
    leader = _started(table, cache, "--processes", "2")
    begun = time.monotonic()
    try:
        while len(list(cache.glob("*/done/*.json"))) < 2 and leader.poll() is None:
            assert time.monotonic() - begun < SECONDS_TO_BEGIN
            time.sleep(0.01)
        workers = _children(leader.pid)
        assert len(workers) >= 2
        leader.send_signal(struck)
        _, said = leader.communicate(timeout=SECONDS_TO_END)
    finally:
        leader.kill()
    assert leader.returncode == (-9 if struck is signal.SIGKILL else 143), said
    until = time.monotonic() + SECONDS_TO_END
    while left := [worker for worker in workers if _lives(worker)]:
        assert time.monotonic() < until, f"{left} still live"
        time.sleep(0.05)
    kept = _rows(cache)
    assert 0 < len(kept) < ITEMS
    assert kept.items() <= expected.items()
    told = _finished(table, cache, "--processes", "2")
    assert told["computed"] == len(expected) - len(kept)
    assert _rows(cache) == expected
    assert len(list(cache.rglob("*.part"))) <= 2  # what a worker was writing; swept after a day
