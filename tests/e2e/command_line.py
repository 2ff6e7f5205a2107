"""The command line as a user meets it: another process, its exit code, its output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["facetwise", "facetwise_json"]


def facetwise(*words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "facetwise", *map(str, words)]
    outcome = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == code, f"{' '.join(command)}\n{outcome.stdout}\n{outcome.stderr}"
    if code == 2:
        assert "Traceback" not in outcome.stderr
    return outcome


def facetwise_json(*words: object, cwd: Path) -> dict[str, Any]:
    return json.loads(facetwise(*words, "--json", cwd=cwd).stdout)
