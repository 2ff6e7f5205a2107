"""`facetwise compare` killed without a warning: at most the training in work is lost, and the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import facetwise

from made_table import TINY, write_table


@pytest.mark.slow
def test_a_killed_comparison_continues(tmp_path: Path) -> None:
    table, features = write_table(tmp_path)
    words = ["compare", str(table), "--features", str(features), "--vary", "balancing=equal,dwa,random", "--seeds", "2"]
    words += [word for setting in TINY for word in ("--set", setting)]
    out, whole = tmp_path / "killed", tmp_path / "whole"
    same_threads = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    work = subprocess.Popen(
        [sys.executable, "-m", "facetwise", *words, "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=same_threads,
    )  # fmt: skip
    while len(list(out.glob("cells/*.json"))) < 2 and work.poll() is None:
        time.sleep(0.01)
    work.send_signal(signal.SIGKILL)
    work.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}
    assert 2 <= len(kept) < 6
    said = facetwise(*words, "--out", out, cwd=tmp_path).stdout
    assert f"{len(kept)} of 6 trainings are there already" in said
    assert {name: (out / "cells" / name).stat().st_mtime_ns for name in kept} == kept
    assert not [path for path in out.rglob("*") if path.name.endswith(".part")]
    assert list((out / "scratch").iterdir()) == []

    facetwise(*words, "--out", whole, cwd=tmp_path)
    first, second = (json.loads((each / "result.json").read_text(encoding="utf-8")) for each in (out, whole))
    for one in (*first["variants"], *second["variants"]):
        assert one.pop("seconds") > 0
        assert one.pop("peak_megabytes") > 0
    assert first == second
    assert "no significant difference" in said


@pytest.mark.slow
def test_sigterm_ends_a_comparison_on_a_cluster(tmp_path: Path) -> None:
    """Ray would answer it with an exit of its own, and would leave its actors to themselves."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    table, features = write_table(tmp_path)
    words = ["compare", str(table), "--features", str(features), "--vary", "balancing=equal,dwa,random", "--seeds", "4"]
    words += [word for setting in (*TINY, "epochs=60") for word in ("--set", setting)]
    words += ["--out", str(tmp_path / "out"), "--jobs", "2", "--engine", "ray"]
    work = subprocess.Popen(
        [sys.executable, "-m", "facetwise", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not list((tmp_path / "out").glob("cells/*.json")) and work.poll() is None:
        time.sleep(0.05)
    work.send_signal(signal.SIGTERM)
    _, said = work.communicate(timeout=120)
    assert work.returncode == 143, said
    assert "of 12 trainings are kept" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "out").rglob("*.part"))
