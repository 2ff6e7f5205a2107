"""Run folders: one process at a time, whose they are, stops by signal, disks that are full."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise.errors import Interrupted, RunError, UserError, WriteError
from facetwise.inference import sweep_parts, write_bytes, writing
from facetwise.training import Stopping, _resume, _run, hold, read_checkpoint, stopping_on_signals

ITEMS, WIDTH = 120, 6
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 24, "trunk": {"width": 64}, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def _every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of these tests take no time, and every one of them is to be saved."""
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 0.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and its features."""
    folder, rng = tmp_path_factory.mktemp("made"), np.random.default_rng(0)
    colour, size = rng.integers(3, size=ITEMS), rng.integers(2, size=ITEMS)
    columns = {
        "image": [f"p{n:03d}.png" for n in range(ITEMS)],
        "colour": [("red", "green", "blue")[n] for n in colour],
        "size": [("small", "large")[n] for n in size],
    }
    pl.DataFrame(columns).write_csv(folder / "table.csv")
    features = np.concatenate([np.eye(3)[colour], np.eye(2)[size], rng.normal(size=(ITEMS, 1))], axis=1)
    np.save(folder / "features.npy", (features + rng.normal(0, 0.2, features.shape)).astype(np.float32))
    return folder


def _train(made: Path, out: Path, **options: Any) -> fw.Run:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return fw.train(made / "table.csv", features=made / "features.npy", out=out, **{**QUICK, **options})
    finally:
        torch.set_num_threads(before)


def _stopped(made: Path, out: Path, steps: int = 5, **options: Any) -> None:
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == steps:
            stop.ask(signal.SIGTERM)

    stop = Stopping(between)
    with pytest.raises(Interrupted, match=r"saved in .*The same command continues"):
        _train(made, out, stop=stop, **options)


def _files(run: Path) -> dict[str, bytes]:
    """What a run leaves, without what depends on the clock or on the command."""
    names = ["bundle", "predictions", "checkpoints/best_score"]
    found = {path.relative_to(run).as_posix(): path.read_bytes() for name in names for path in (run / name).glob("*")}
    return found | {name: (run / name).read_bytes() for name in ("metrics.json", "depth.json", "schema.yaml")}


@pytest.fixture(scope="module")
def straight(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    run = tmp_path_factory.mktemp("runs") / "straight"
    _train(made, run)
    assert not (run / ".lock").exists()
    return _files(run)


def test_the_same_command_continues(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    _stopped(made, tmp_path / "run")
    told: list[str] = []
    _train(made, tmp_path / "run", report=lambda event: told.append(event.message), workers=3)
    assert "continuing after epoch 1" in told or any("continuing in epoch 2" in message for message in told)
    assert _files(tmp_path / "run") == straight


@pytest.mark.parametrize("missing", ["bundle/bundle.json", "predictions/test.parquet", "metrics.json", "depth.json"])
def test_the_stages_after_training_are_done_again(
    made: Path, straight: dict[str, bytes], tmp_path: Path, missing: str
) -> None:
    """Killed there: what comes after the training has no bundle yet."""
    _train(made, tmp_path)
    (tmp_path / missing).unlink()
    (tmp_path / "bundle" / "bundle.json").unlink(missing_ok=True)
    log = (tmp_path / "log.jsonl").read_bytes()
    _train(made, tmp_path)
    assert _files(tmp_path) == straight
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_a_damaged_bundle_is_written_again(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    _train(made, tmp_path)
    os.truncate(tmp_path / "bundle" / "heads.safetensors", 100)
    told: list[str] = []
    _train(made, tmp_path, report=lambda event: told.append(event.message))
    assert any("It is written again" in message for message in told)
    assert _files(tmp_path) == straight


@pytest.mark.parametrize("stage", ["fit_decisions", "depth_report", "write_results"])
def test_a_signal_after_the_last_epoch(
    made: Path, straight: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """While thresholds are tuned, rows evaluated, answers and bundle written: nothing is half there afterwards."""
    real, count = getattr(_run, stage), [0]

    def interrupted(*given: Any, **named: Any) -> Any:
        count[0] += 1
        if count[0] == 1:
            _send(signal.SIGTERM)
        return real(*given, **named)

    monkeypatch.setattr(_run, stage, interrupted)
    with pytest.raises(Interrupted, match="what was computed is kept") as caught, stopping_on_signals() as stop:
        _train(made, tmp_path, stop=stop)
    assert caught.value.code == 143
    assert not (tmp_path / "bundle").exists()
    assert not list(tmp_path.rglob("*.part"))
    _train(made, tmp_path)
    assert _files(tmp_path) == straight


def test_a_damaged_best_checkpoint_ends_in_a_clear_word(made: Path, tmp_path: Path) -> None:
    _train(made, tmp_path)
    (tmp_path / "bundle" / "bundle.json").unlink()
    [model] = (tmp_path / "checkpoints" / "best_score").glob("model-*")
    content = bytearray(model.read_bytes())
    model.unlink()  # `last` may be another name of the same file
    content[-1] ^= 1
    model.write_bytes(content)
    with pytest.raises(RunError, match=r"'best_score' is damaged.*another SHA-256"):
        _train(made, tmp_path)


def test_another_configuration_has_three_ways_out(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    _stopped(made, tmp_path / "run")
    with pytest.raises(RunError) as caught:
        _train(made, tmp_path / "run", epochs=2)
    words = str(caught.value)
    assert "epochs=2 (but 3)" in words
    assert all(way in words for way in ("--resume", "--out", "--overwrite"))
    told: list[str] = []
    _train(made, tmp_path / "run", epochs=2, resume=True, report=lambda event: told.append(event.message))
    assert any("not epochs=2 (but 3)" in message for message in told)
    assert _files(tmp_path / "run") == straight


def test_another_table_cannot_be_continued(made: Path, tmp_path: Path) -> None:
    _stopped(made, tmp_path / "run")
    table = pl.read_csv(made / "table.csv").with_columns(size=pl.col("size").replace("large", "big"))
    table.write_csv(tmp_path / "table.csv")
    for resume in (False, True):
        with pytest.raises(
            RunError, match=r"another run, begun with another table than now\. Fix: --out.*--overwrite"
        ) as caught:
            fw.train(
                tmp_path / "table.csv", images=made, features=made / "features.npy", out=tmp_path / "run",
                resume=resume, **QUICK,
            )  # fmt: skip
        assert "--resume" not in str(caught.value)


def test_resume_insists(made: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"Found none in .*run"):
        _train(made, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="exclude each other"):
        _train(made, tmp_path / "run", resume=True, overwrite=True)


def test_overwrite_given_again_continues_what_it_began(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    """A command in a loop that restarts it may have --overwrite in it."""
    out = tmp_path / "run"
    _train(made, out, epochs=1)
    _stopped(made, out, overwrite=True)
    told: list[str] = []
    _train(made, out, overwrite=True, report=lambda event: told.append(event.message))
    assert any(message.startswith("continuing") for message in told)
    assert _files(out) == straight
    _stopped(made, out, overwrite=True)  # a finished run is replaced
    assert not (out / "bundle").exists()


def test_an_overwrite_that_fails_early_destroys_nothing(made: Path, tmp_path: Path) -> None:
    run = _train(made, tmp_path / "run")
    before = _files(run.path)
    np.save(tmp_path / "short.npy", np.load(made / "features.npy")[:-1])
    with pytest.raises(UserError, match="one row of features per row"):
        fw.train(made / "table.csv", features=tmp_path / "short.npy", out=run.path, overwrite=True, **QUICK)
    assert _files(run.path) == before


def test_what_died_before_its_first_file_is_nobodys(made: Path, tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".run.json.4711.part").write_text('{"dig')
    _train(made, tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_parts_of_the_dead_are_removed(made: Path, tmp_path: Path) -> None:
    _stopped(made, tmp_path)
    (tmp_path / "predictions").mkdir(exist_ok=True)
    for name in ("checkpoints/last/.model-x.safetensors.4711.part", "predictions/.val.parquet.4711.part",
                 "split.csv.part", "checkpoints/last/model-0123456789abcdef.safetensors"):  # fmt: skip
        (tmp_path / name).write_bytes(b"half")
    _train(made, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert len(list((tmp_path / "checkpoints" / "last").glob("model-*"))) == 1


HOLDER = """
import fcntl, json, os, sys, time
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(json.dumps({"process": os.getpid(), "host": "elsewhere", "since": "12:00"}))
file.flush()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_kept_out_until_the_first_is_dead(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / ".lock")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=rf"process {holder.pid} on elsewhere since 12:00") as caught, hold(tmp_path):
            pass
        assert "\n" not in str(caught.value)
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
    assert (tmp_path / ".lock").exists()
    with hold(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text(encoding="utf-8"))["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_a_failure_made_is_taken_away(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold(tmp_path / "runs" / "new"):
        raise KeyError
    assert not (tmp_path / "runs" / "new").exists()
    with hold(tmp_path / "kept"):
        (tmp_path / "kept" / "file").write_text("x")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["file"]


def test_a_thread_of_the_same_process_is_kept_out(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(RunError, match=rf"process {os.getpid()}"), hold(tmp_path):
        pass


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell that runs the tests in the background makes them deaf to Ctrl-C; Python's own handler is put back."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="what was computed is kept") as at_once, stopping_on_signals():
        _send(number)
    assert at_once.value.code == code
    saved: list[str] = []

    def work(times: int) -> None:
        with stopping_on_signals() as stop, stop.deferred():
            for _ in range(times):
                _send(number)
            assert not saved
            stop.check(lambda: saved.append("x") or "in epoch 3")

    with pytest.raises(Interrupted, match=r"^stopped in epoch 3\. ") as later:
        work(1)
    assert (later.value.code, saved) == (code, ["x"])
    saved.clear()
    with pytest.raises(Interrupted, match="at once") as twice:
        work(2)
    assert (twice.value.code, saved) == (code, [])
    assert signal.getsignal(number) is before


def test_no_handlers_beside_the_main_thread_or_where_a_signal_is_ignored() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def other() -> None:
        with stopping_on_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping_on_signals():
            _send(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_keyboard_interrupt_of_a_notebook_is_its_own(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    """No handler of ours: the exception comes through, and the same call continues."""
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == 6:
            _send(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _train(made, tmp_path, stop=Stopping(between))
    assert read_checkpoint(tmp_path / "checkpoints" / "last").facts["epoch"] == 1
    _train(made, tmp_path)
    assert _files(tmp_path) == straight


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"before")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError) as caught:
        write_bytes(path, b"x" * 12_345)
    words = str(caught.value)
    assert str(path) in words
    assert "12,345 bytes needed" in words
    assert os.strerror(number) in words
    assert "Fix: " in words
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["file.bin"]


def test_a_limit_on_the_size_of_files(made: Path, straight: dict[str, bytes], tmp_path: Path) -> None:
    """A real refusal of the system, in the middle of a run; then the same command continues."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    enough_for_the_model = int(1.5 * len(straight["bundle/heads.safetensors"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (enough_for_the_model, before[1]))
    try:
        with pytest.raises(WriteError, match=r"cannot be written \([\d,]+ bytes needed.*: File too large"):
            _train(made, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    _train(made, tmp_path)
    assert _files(tmp_path) == straight


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match=r"file.run"), hold(tmp_path / "file" / "run"):
        pass
    with pytest.raises(WriteError, match="cannot be written"), writing(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_sweeping_spares_everything_else(tmp_path: Path) -> None:
    for name in (".a.1.part", "b.part", "c.parquet"):
        (tmp_path / name).write_text("x")
    sweep_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["c.parquet"]
