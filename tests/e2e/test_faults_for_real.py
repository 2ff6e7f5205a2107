"""A few rounds of `tests/faults/`: processes killed at random moments, and a disk that is full."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

FAULTS = Path(__file__).resolve().parents[1] / "faults"
# In a user namespace of its own a process may mount, and what it has mounted goes with it.
UNSHARED = ["unshare", "--map-root-user", "--mount"]


def _lines(*words: object) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code and lines of a script, and all that it said."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared: the graph of the backbone is exported once."""
    return tmp_path_factory.mktemp("kills")


@pytest.mark.parametrize(
    "stage", [["train", "--runs", 4], ["extract", "--runs", 3, "--exported"]], ids=["train", "extract"]
)
def test_runs_killed_at_random_moments_end_the_same(folder: Path, stage: list[object]) -> None:
    words = ["--stage", *stage, "--items", 120, "--epochs", 4, "--fork", "--folder", folder]
    code, told, said = _lines(sys.executable, FAULTS / "kill_runs.py", *words)
    assert code == 0, said
    last = told[-1]
    assert last["equal"] == last["runs"] == len(told) - 1
    assert sum(last["kills"].values()) >= last["runs"]
    assert last["forgotten"] == last["rows computed twice"] == 0
    if "train" in stage:
        assert last["kills"]["in the middle of training"] > 0


def _can_mount(place: Path) -> bool:
    try:
        words = [*UNSHARED, "mount", "-t", "tmpfs", "tmpfs", str(place)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """In the middle of the extraction, and in the middle of training."""
    if not _can_mount(tmp_path):
        pytest.skip("no small disk can be mounted here: `unshare --map-root-user --mount` is refused")
    words = ["--items", 120, "--sizes", 1000, 20000, "--fork"]
    code, told, said = _lines(*UNSHARED, sys.executable, FAULTS / "full_disk.py", *words)
    assert code == 0, said
    extracting, training = told
    assert extracting["wrong"] == training["wrong"] == []
    assert extracting["rows kept"] > 0
    assert extracting["saved"] == [0, 0]
    assert training["saved"] > [0, 0]
