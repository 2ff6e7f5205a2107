"""The documentation builds without a warning, and leads nowhere else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_it_builds_without_a_warning_and_without_anything_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-b", "html",
               "-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "html")]  # fmt: skip
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    for page in (tmp_path / "html").rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"(https?:[^\"]+)\"", page.read_text("utf-8"))
        assert not loaded, f"{page.name} loads {loaded}"
