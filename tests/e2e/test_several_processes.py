"""`torchrun -m facetwise train`: one run from several processes; deaths, silence and a SIGTERM in the middle of it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from processes import NAMED_WITHIN, death_of_the_second, endings, epochs_of, ranks_of, wait_for_epochs

PLAIN = ["--set", "input_dropout=0", "--set", "trunk.dropout=0", "--set", "batch_size=16"]
LONG = [*PLAIN, "--epochs", "20000", "--patience", "20000"]
# Every step is saved: the epochs here are over long before a training of that length would be saved for the first time.
SAVING = [str(Path(__file__).resolve().parents[1] / "faults" / "saving_command.py")]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table and its features: no picture is opened, so that the processes get to their training."""
    folder, rng = tmp_path_factory.mktemp("catalogue"), np.random.default_rng(0)
    kinds, colours = rng.integers(3, size=96), rng.integers(4, size=96)
    features = rng.normal(size=(96, 16)) + rng.normal(size=(3, 16))[kinds] + rng.normal(size=(4, 16))[colours]
    np.save(folder / "features.npy", features.astype(np.float32))
    lines = [f"{n}.jpg,kind {kind},{f'colour {colours[n]}' if n % 3 else ''}" for n, kind in enumerate(kinds)]
    (folder / "products.csv").write_text("\n".join(["image,kind,colour", *lines]) + "\n", encoding="utf-8")
    return folder / "products.csv"


def _told(table: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "FACETWISE_CACHE": str(table.parent / "cache"), "OMP_NUM_THREADS": "1", **more}


def _train(table: Path, out: Path, options: list[str], command: list[str] = SAVING) -> list[str]:
    features = str(table.with_name("features.npy"))
    return [*command, "train", str(table), "--features", features, "--out", str(out), *options]


def _ranks(table: Path, out: Path, options: list[str]) -> list[subprocess.Popen[str]]:
    command = [sys.executable, *_train(table, out, options)]
    return ranks_of(command, 2, _told(table), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_torchrun_trains_one_run(catalogue: Path, tmp_path: Path) -> None:
    short, plain = [*PLAIN, "--quiet", "--epochs", "2"], ["-m", "facetwise"]
    for start, name in ((TORCHRUN, "two"), ([sys.executable], "one")):
        subprocess.run([*start, *_train(catalogue, tmp_path / name, short, plain)], env=_told(catalogue), check=True)
    two, one = epochs_of(tmp_path / "two"), epochs_of(tmp_path / "one")
    assert [line["epoch"] for line in two] == [1, 2]
    for a, b in zip(two, one, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], abs=1e-4)
        assert a["val_loss"] == pytest.approx(b["val_loss"], abs=1e-4)
    names = [sorted(path.name for path in (tmp_path / run).iterdir()) for run in ("two", "one")]
    assert names[0] == names[1]


def _continues_alone(table: Path, out: Path) -> None:
    """One process goes on where the last checkpoint is, and leaves what was logged before it as it was.

    The log has times, so an epoch that was trained again would differ.
    """
    saved = json.loads((out / "checkpoints/last/metrics.json").read_text(encoding="utf-8"))["progress"]
    before = epochs_of(out)[: saved["epoch"]]
    assert len(before) == saved["epoch"] > 0
    again = subprocess.Popen(
        [sys.executable, *_train(table, out, LONG)], env=_told(table), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        wait_for_epochs(out, len(before) + 2, [again])
        again.send_signal(signal.SIGTERM)
        said, _ = again.communicate(timeout=NAMED_WITHIN)
    finally:
        again.kill()
    assert again.returncode == 143
    where = (
        f"in epoch {saved['epoch'] + 1}, after step {saved['step']}" if saved["step"] else f"after epoch {len(before)}"
    )
    assert f"continuing {where}\n" in said
    after = epochs_of(out)
    assert after[: len(before)] == before
    assert [line["epoch"] for line in after] == list(range(1, len(after) + 1))


def _said_by_the_other(work: list[subprocess.Popen[str]], out: Path, struck: int, sent: signal.Signals) -> str:
    """What one of two processes says when the other is sent a signal in the middle; it ends with exit code 2."""
    other = work[1 - struck]
    try:
        wait_for_epochs(out, 2, work)
        work[struck].send_signal(sent)
        _, said = other.communicate(timeout=NAMED_WITHIN)
    finally:
        for one in work:
            one.kill()
            one.communicate()
    assert other.returncode == 2, said
    return said


@pytest.mark.slow
def test_a_rank_dies_and_one_process_continues(catalogue: Path, tmp_path: Path) -> None:
    said = death_of_the_second(_ranks(catalogue, tmp_path / "run", LONG), tmp_path / "run")
    assert "has died" in said
    assert "the same command continues" in said
    assert not list((tmp_path / "run").rglob("*.part"))
    _continues_alone(catalogue, tmp_path / "run")


@pytest.mark.slow
def test_rank_0_dies_and_one_process_continues(catalogue: Path, tmp_path: Path) -> None:
    """The one that writes and that the others meet at; it may die in the middle of writing."""
    said = _said_by_the_other(_ranks(catalogue, tmp_path / "run", LONG), tmp_path / "run", 0, signal.SIGKILL)
    assert "rank 0" in said
    assert "Traceback" not in said
    assert "the same command continues" in said
    _continues_alone(catalogue, tmp_path / "run")


@pytest.mark.slow
def test_sigterm_stops_all_and_another_number_continues(catalogue: Path, tmp_path: Path) -> None:
    work = _ranks(catalogue, tmp_path / "run", LONG)
    try:
        wait_for_epochs(tmp_path / "run", 2, work)
        work[1].send_signal(signal.SIGTERM)  # one of them is enough: they agree
        said = [one.communicate(timeout=NAMED_WITHIN)[1] for one in work]
    finally:
        for one in work:
            one.kill()
    assert [one.returncode for one in work] == [143, 143], said
    assert "saved in" in said[0]
    _continues_alone(catalogue, tmp_path / "run")


def _rank_one_of(torchrun: subprocess.Popen[str]) -> int:
    """The process that torchrun has told that it is rank 1."""
    for child in Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text(encoding="ascii").split():
        if b"RANK=1" in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError("torchrun has started no rank 1")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the ranks are found in /proc")
def test_torchrun_starts_all_again_after_a_death(catalogue: Path, tmp_path: Path) -> None:
    """The ranks of the second attempt find each other, and continue."""
    epochs, out = 60, tmp_path / "run"
    options = [*PLAIN, "--epochs", str(epochs), "--patience", str(epochs)]
    work = subprocess.Popen(
        [*TORCHRUN, "--max-restarts", "1", *_train(catalogue, out, options)], env=_told(catalogue),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for_epochs(out, 2, [work])
        os.kill(_rank_one_of(work), signal.SIGKILL)
        *before, _ = epochs_of(out)  # of the last one nobody knows whether it was saved
        [(code, said)] = endings([work])
    finally:
        work.kill()
    assert 0 < len(before) < epochs - 1
    assert code == 0, said
    # torchrun's own words: it may end rank 0 before that has spoken.
    assert re.search(r"exitcode: -9\).* local_rank: 1 ", said)
    after = epochs_of(out)
    assert after[: len(before)] == before, "the log has times: an epoch that was trained again would differ"
    assert [line["epoch"] for line in after] == list(range(1, epochs + 1))
    assert (out / "bundle").exists()


@pytest.mark.slow
def test_a_silent_rank_is_named(catalogue: Path, tmp_path: Path) -> None:
    """It lives, its connections are open, and nothing comes from it: a machine that hangs."""
    said = _said_by_the_other(_ranks(catalogue, tmp_path / "run", LONG), tmp_path / "run", 1, signal.SIGSTOP)
    assert "rank 1 of 2" in said


@pytest.mark.slow
def test_another_table_on_one_of_them_is_refused(catalogue: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("features.npy", "products.csv"):
        (other / name).write_bytes((catalogue.parent / name).read_bytes())
    text = (other / "products.csv").read_text(encoding="utf-8")
    (other / "products.csv").write_text(text.replace("kind 1", "kind 2", 1), encoding="utf-8")
    tables = (catalogue, other / "products.csv")
    work = ranks_of(
        [[sys.executable, *_train(table, tmp_path / "run", LONG)] for table in tables], 2, _told(catalogue),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first, second = endings(work)
    assert (first[0], second[0]) == (2, 2), (first, second)
    assert "Found another on rank 1 of 2" in second[1]
    assert "give every machine the same files" in second[1]
