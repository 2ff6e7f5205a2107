"""Every block of docs/tutorial.md runs, in order, in an empty folder; what it promises is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    assert {kind for kind, _ in blocks} == {"bash", "python"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "FACETWISE_CACHE": str(tmp_path / "cache")}
    said = ""
    for kind, text in blocks:
        command = ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
        outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, f"{text}\n{outcome.stdout}\n{outcome.stderr}"
        said += outcome.stdout + outcome.stderr
    assert "nothing to do" in said, "the same command again does nothing"
    assert (tmp_path / "shop" / "complete.csv").is_file()
