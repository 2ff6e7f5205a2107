"""Every room says in `__all__` what it offers, sorted, and offers exactly that."""

import ast
import importlib
from pathlib import Path

import pytest
from house_sources import PACKAGE, module_name, python_files, short, tree

ROOMS = [path for path in python_files() if path.name == "__init__.py"]


def _all(path: Path) -> list[str] | None:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def _bound(path: Path) -> set[str]:
    """Names that the file itself makes or takes from its own room."""
    names: set[str] = set()
    for node in tree(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{module_name(path)}."):
            names.update(alias.asname or alias.name for alias in node.names)
    return {name for name in names if not name.startswith("_")}


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("path", python_files(), ids=short)
def test_every_module_lists_its_names(path: Path) -> None:
    listed = _all(path)
    if path == PACKAGE / "__init__.py":
        listed = listed or []
    assert listed is not None, f"{short(path)} has no __all__"
    assert listed == sorted(listed, key=_order)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("path", [path for path in ROOMS if path != PACKAGE / "__init__.py"], ids=short)
def test_rooms_offer_exactly_what_they_list(path: Path) -> None:
    assert set(_all(path) or ()) == _bound(path)


@pytest.mark.parametrize("path", ROOMS, ids=short)
def test_listed_names_are_there(path: Path) -> None:
    room = importlib.import_module(module_name(path))
    assert [name for name in _all(path) or () if not hasattr(room, name)] == []
