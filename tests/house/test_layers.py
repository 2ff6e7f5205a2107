"""Arrows point down; the drawing in ARCHITECTURE.md is the contract is the folders."""

import re
import subprocess
import sys
from pathlib import Path

from house_sources import PACKAGE, ROOT, pyproject

LINT = Path(sys.executable).with_name("lint-imports")


def _contract() -> list[list[str]]:
    [layers] = [c for c in pyproject()["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    assert layers["exhaustive"] is True
    assert "ignore_imports" not in layers
    return [[room.strip() for room in row.split("|")] for row in layers["layers"]]


def test_contracts_hold() -> None:
    outcome = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_room_is_in_the_contract() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert {room for row in _contract() for room in row} == rooms | files


def test_the_drawing_is_true() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    [drawing] = re.findall(r"<!-- layers, top to bottom -->\n```text\n(.*?)```", text, flags=re.DOTALL)
    drawn = [re.split(r"\s{2,}", line.strip())[0] for line in drawing.splitlines() if line.strip()]
    assert [[room.strip() for room in line.split("|")] for line in drawn] == _contract()


def test_where_does_my_change_go_names_real_places() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    [table] = re.findall(r"## Where does my change go\?\n\n(.*?)(?:\n\n|\Z)", text, flags=re.DOTALL)
    places = re.findall(r"`([\w./]+/[\w./]*)`", table)
    assert places
    missing = [p for p in places if "_x" not in p and not (PACKAGE / p).exists() and not (ROOT / p).exists()]
    assert missing == []
