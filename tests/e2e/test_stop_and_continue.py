"""Stopped from outside, kept apart, continued: the command line, its exit codes, its words."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ITEMS, EPOCHS = 600, 8
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    colour = rng.integers(3, size=ITEMS)
    names = [("red", "green", "blue")[n] for n in colour]
    pl.DataFrame({"image": [f"{n}.png" for n in range(ITEMS)], "colour": names}).write_csv(folder / "table.csv")
    np.save(folder / "features.npy", (rng.normal(size=(ITEMS, 32)) + colour[:, None]).astype(np.float32))
    return folder / "table.csv"


def _start(table: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "facetwise", "train", str(table), "--features", str(table.parent / "features.npy")]
    command += ["--out", str(out), "--epochs", str(EPOCHS), "--patience", str(EPOCHS), "--batch-size", "16", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # A shell's job in the background ignores SIGINT, its children inherit that, and facetwise would respect it.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **heeding
    )


def _ended(process: subprocess.Popen[str], *, code: int) -> str:
    """What it said on standard error."""
    _, words = process.communicate(timeout=300)
    assert process.returncode == code, words
    assert "Traceback" not in words
    return words


def _until(path: Path) -> None:
    until = time.monotonic() + 200
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert path.exists()


def _epochs(out: Path) -> list[int]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["epoch"] for line in lines if "epochs" in line]


def test_stop_and_continue(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = _start(table, out)
    _until(out / "log.jsonl")
    first.send_signal(signal.SIGSTOP)  # so that it does not finish meanwhile
    words = _ended(_start(table, out), code=2)
    assert words.strip().splitlines()[-1].startswith("facetwise: ")
    assert f"process {first.pid}" in words
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    first.send_signal(signal.SIGCONT)
    words = _ended(first, code=143)
    assert time.monotonic() - began < 30
    assert f"saved in {out}. The same command continues." in words
    done = len(_epochs(out))
    assert 0 < done < EPOCHS
    assert not [path for path in out.rglob("*") if path.name.endswith(".part") or path.name == ".lock"]

    second = _start(table, out, "--resume")
    _until(out / ".lock")
    second.send_signal(signal.SIGINT)
    words = _ended(second, code=130)
    assert "The same command continues." in words
    assert len(_epochs(out)) >= done

    _ended(_start(table, out), code=0)
    assert _epochs(out) == list(range(1, EPOCHS + 1))
    _ended(_start(table, out), code=0)
