"""What `make` would do on a fresh machine, after a demo, and where everything is there; nothing is installed here."""

import shutil
import subprocess
from pathlib import Path

import pytest
from house_sources import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Only what the Makefile looks at, older than anything that a test puts there."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path)
    return tmp_path


def _steps(checkout: Path, target: str) -> list[str]:
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", target], cwd=checkout, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def _installs(checkout: Path, target: str) -> list[str]:
    return [line for line in _steps(checkout, target) if "uv pip install" in line]


def _ready(checkout: Path, name: str) -> None:
    (checkout / ".venv").mkdir(exist_ok=True)
    (checkout / ".venv" / name).touch()


def test_the_demo_installs_what_facetwise_needs_and_no_more(checkout: Path) -> None:
    (line,) = _installs(checkout, "demo")
    assert "--editable ." in line
    assert "--group" not in line


@pytest.mark.parametrize("target", ["test", "check", "docs"])
@pytest.mark.parametrize("after_a_demo", [False, True])
def test_the_others_install_everything(checkout: Path, target: str, after_a_demo: bool) -> None:
    if after_a_demo:
        _ready(checkout, ".ready-to-run")
        assert _installs(checkout, "demo") == []
    (line,) = _installs(checkout, target)
    assert line.endswith("--editable . --group dev")


def test_the_demo_takes_what_is_there(checkout: Path) -> None:
    _ready(checkout, ".ready")
    assert _installs(checkout, "demo") == _installs(checkout, "test") == []


def test_the_demo_ends_with_how_to_call_facetwise() -> None:
    """Its last line proposes commands, and nothing has put them on the path."""
    assert ". .venv/bin/activate" in _steps(ROOT, "demo")[-1]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.index(". .venv/bin/activate") < readme.index("facetwise inspect")
