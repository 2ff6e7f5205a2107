"""What comes after a training, killed without a warning: whole or absent, and the same command again ends the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[1] / "faults" / "kill_commands.py"


@pytest.mark.slow
def test_commands_killed_at_random_moments_end_the_same() -> None:
    words = ["--runs", "3", "--only", "predict", "shard", "fill", "suggest", "audit", "sweep"]
    done = subprocess.run([sys.executable, str(HARNESS), *words], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["command"] for one in told] == words[3:]
    assert sum(one["killed"] for one in told) >= len(told)
    for one in told:
        assert one["torn"] == one["different"] == one["never the same"] == []
