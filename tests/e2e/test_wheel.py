"""The wheel that users install: built here, used outside the checkout, complete without it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the checkout stays as it is."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", str(copy), "--wheel-dir", str(out), "--no-deps",
               "--no-build-isolation", "--no-index", "--quiet"]  # fmt: skip
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = ROOT / "src" / "facetwise"
    expected = {
        path.relative_to(ROOT / "src").as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected


def test_it_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(site)
    work.mkdir()
    rng = np.random.default_rng(0)
    red = rng.random(ROWS) < 0.5
    np.save(work / "features.npy", (rng.normal(0, 0.3, (ROWS, 6)) + red[:, None]).astype(np.float32))
    lines = ["image,colour", *(f"{n}.png,{'red' if is_red else 'blue'}" for n, is_red in enumerate(red))]
    (work / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def python(*words: str) -> str:
        outcome = subprocess.run(
            [sys.executable, *words], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    assert python("-c", "import facetwise; print(facetwise.__file__)").startswith(str(site))
    python("-m", "facetwise", "train", "table.csv", "--features", "features.npy", "--out", "run", "--set", "epochs=2")
    assert "colour" in python("-m", "facetwise", "evaluate", "run")
