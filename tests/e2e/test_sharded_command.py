"""`torchrun -m facetwise train ... --finetune all --set sharding=true`: a bundle like any other, a stop, a death."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from processes import NAMED_WITHIN, death_of_the_second, endings, epochs_of, ranks_of, wait_for_epochs

HERE = Path(__file__).resolve().parent.parent
OPTIONS = ["--finetune", "all", "--quiet", "--device", "cpu", "--set", "sharding=true", "--set", "batch_size=12",
           "--set", "trunk.width=8", "--set", "trunk.dropout=0", "--set", "input_dropout=0"]  # fmt: skip
SHORT, LONG = ["--epochs", "2"], ["--epochs", "20000", "--patience", "20000"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("coloured"), np.random.default_rng(0)
    rows = []
    for item in range(60):
        pixels = np.full((24, 20, 3), 60, dtype=np.uint8)
        pixels[..., item % 3] = 200
        pixels[::4] = 255 if item % 2 else pixels[::4]
        noisy = np.clip(pixels + rng.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{item:03d}.png")
        rows.append((f"{item:03d}.png", ("red", "green", "blue")[item % 3], "striped" if item % 2 else "plain"))
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "colour", "pattern"), *rows])
    return folder / "table.csv"


def _ranks(table: Path, out: Path, options: list[str], processes: int) -> list[subprocess.Popen[str]]:
    path = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
    told = {"PYTHONPATH": path, "FACETWISE_CACHE": str(table.parent / "cache")}
    command = [sys.executable, str(HERE / "sharded_command.py"), "train", str(table), "--images", str(table.parent)]
    command += ["--out", str(out), *OPTIONS, *options]
    return ranks_of(command, processes, told, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _epochs(out: Path) -> list[int]:
    return [line["epoch"] for line in epochs_of(out)]


def test_the_bundle_is_that_of_one_process(table: Path, tmp_path: Path) -> None:
    """The same bytes up to the first number, and the same numbers up to rounding."""
    for processes in (1, 2):
        for code, said in endings(_ranks(table, tmp_path / str(processes), SHORT, processes)):
            assert code == 0, said
    one, two = tmp_path / "1" / "bundle", tmp_path / "2" / "bundle"
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in two.iterdir())
    for name in ("heads.safetensors", "backbone.safetensors"):
        first, second = (one / name).read_bytes(), (two / name).read_bytes()
        head = 8 + int.from_bytes(first[:8], "little")
        assert first[:head] == second[:head]
        ours, theirs = load_file(two / name), load_file(one / name)
        for tensor, array in theirs.items():
            np.testing.assert_allclose(ours[tensor], array, rtol=1e-4, atol=1e-5, err_msg=tensor)
    written = (two / "bundle.json").stat().st_mtime_ns
    again = endings(_ranks(table, tmp_path / "2", SHORT, 2))
    assert [code for code, _ in again] == [0, 0]
    assert (two / "bundle.json").stat().st_mtime_ns == written, "a finished run is left alone"


def test_sigterm_saves_all_shards_and_one_process_continues(table: Path, tmp_path: Path) -> None:
    work = _ranks(table, tmp_path / "run", LONG, 2)
    try:
        wait_for_epochs(tmp_path / "run", 2, work)
        work[1].send_signal(signal.SIGTERM)  # one of them is enough: they agree
    finally:
        ended = endings(work, NAMED_WITHIN) if len(_epochs(tmp_path / "run")) >= 2 else endings(work, 1.0)
    assert [code for code, _ in ended] == [143, 143], ended
    files = sorted(path.name.split("-")[0] for path in (tmp_path / "run/checkpoints/last").glob("*.safetensors"))
    assert files == ["model", "model.0", "model.1", "state", "state.0", "state.1"]
    assert not list((tmp_path / "run").rglob("*.part"))
    before = len(_epochs(tmp_path / "run"))
    work = _ranks(table, tmp_path / "run", LONG, 1)
    try:
        wait_for_epochs(tmp_path / "run", before + 2, work)
        work[0].send_signal(signal.SIGTERM)
    finally:
        ended = endings(work, NAMED_WITHIN)
    assert ended[0][0] == 143, ended
    assert _epochs(tmp_path / "run")[: before + 2] == list(range(1, before + 3))
    kept = {path.name.split("-")[0] for path in (tmp_path / "run/checkpoints/last").glob("*.safetensors")}
    assert kept == {"model", "state"}


def test_a_death_is_named_and_the_others_continue(table: Path, tmp_path: Path) -> None:
    """Wherever it happens: the ranks talk to each other within the backbone too."""
    said = death_of_the_second(_ranks(table, tmp_path / "run", LONG, 2), tmp_path / "run")
    assert "Traceback" not in said
    before = len(_epochs(tmp_path / "run"))
    again = _ranks(table, tmp_path / "run", LONG, 2)
    try:
        wait_for_epochs(tmp_path / "run", before + 1, again)
        again[0].send_signal(signal.SIGTERM)
    finally:
        ended = endings(again, NAMED_WITHIN)
    assert [code for code, _ in ended] == [143, 143], ended
    assert _epochs(tmp_path / "run")[: before + 1] == list(range(1, before + 2))
