"""Faults while several processes train: each is named by all of them, and the run ends as if nothing had happened."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from made_training import outcome_of
from processes import endings, ranks_of

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]


def _end(case: str, folder: Path, processes: int = 2) -> list[tuple[int, str]]:
    """Exit code and last words of each rank."""
    told = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])}
    command = [sys.executable, str(TESTS / "faulty_ranks.py"), case, str(folder)]
    return endings(ranks_of(command, processes, told, stderr=subprocess.PIPE, text=True))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes leave that nothing happens to."""
    folder = tmp_path_factory.mktemp("straight")
    assert [code for code, _ in _end("whole", folder)] == [0, 0]
    return outcome_of(folder)


@contextmanager
def _continues(folder: Path, straight: dict[str, Any]) -> Iterator[list[str]]:
    """The same command ends in the same bits; what the ranks say meanwhile."""
    ended = _end("whole", folder)
    assert [code for code, _ in ended] == [0, 0], ended
    yield [said for _, said in ended]
    assert outcome_of(folder) == straight


def test_a_stop_at_every_step(straight: dict[str, Any], tmp_path: Path) -> None:
    ended = _end("at every step", tmp_path)
    assert [code for code, _ in ended] == [0, 0], ended
    assert outcome_of(tmp_path) == straight


@pytest.mark.parametrize("harm", ["truncated", "flipped", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    straight: dict[str, Any], stopped: Path, tmp_path: Path, harm: str
) -> None:
    """The first rank finds it and says so; the others continue from where it does."""
    last = shutil.copytree(stopped, tmp_path / "run") / "checkpoints" / "last"
    [parameters] = last.glob("model-*.safetensors")
    content = parameters.read_bytes()
    if harm == "gone":
        parameters.unlink()
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        parameters.write_bytes(flipped if harm == "flipped" else content[: len(content) // 2])
    with _continues(tmp_path / "run", straight) as said:
        assert "Going back to the one before it, after epoch 1" in said[0], said


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    assert [code for code, _ in _end("stopped", folder)] == [143, 143]
    return folder


def test_numbers_that_run_away_are_told_by_all(tmp_path: Path) -> None:
    """Also by the rank that did not read the row."""
    first, second = _end("infinite", tmp_path)
    assert first == second
    assert first[0] == 2
    assert "epoch 2, step " in first[1]
    assert "row" in first[1]


def test_no_room_on_one_of_them(tmp_path: Path) -> None:
    first, second = _end("cramped", tmp_path)
    assert second[0] == 2, second
    assert "Fix: --set micro_batch=1, or more processes" in second[1]
    assert first[0] == 2, first
    assert "rank 1 of 2" in first[1]
    assert "needs memory for 3 items at once" in first[1]


def test_a_full_disk_of_the_one_that_writes(straight: dict[str, Any], tmp_path: Path) -> None:
    first, second = _end("full", tmp_path)
    assert first[0] == 2
    assert "No space left" in first[1]
    assert second[0] == 2
    assert "rank 0" in second[1]
    assert "The last checkpoint is as it was" in second[1]
    with _continues(tmp_path, straight):
        assert not list(tmp_path.rglob("*.part"))
