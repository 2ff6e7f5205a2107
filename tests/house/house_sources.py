"""What the house tests read: source files, their syntax trees, the component tables."""

import ast
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "facetwise"


@cache
def python_files(folder: Path = PACKAGE) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def project_files() -> tuple[Path, ...]:
    """Files of the project: what git would track; without git, what lies there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        paths = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        hidden = {".venv", ".git", "build", "dist", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return tuple(path for path in paths if path.is_file())


@dataclass(frozen=True)
class Component:
    """One line of a component table."""

    table: str
    name: str
    class_name: str
    island: Path
    table_file: Path

    def __str__(self) -> str:
        return f"{self.table}[{self.name!r}]"


def _dictionary(node: ast.stmt) -> tuple[str, ast.Dict] | None:
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(target, ast.Name):
        return None
    return (target.id, node.value) if isinstance(node.value, ast.Dict) and target.id.isupper() else None


@cache
def components() -> tuple[Component, ...]:
    """Every line of every table: an upper-case dictionary in a folder's `__init__.py`, from names to its classes."""
    found = []
    for path in python_files():
        if path.name != "__init__.py":
            continue
        imported = {
            alias.asname or alias.name: node.module
            for node in tree(path).body
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(module_name(path) + "._")
            for alias in node.names
        }
        for node in tree(path).body:
            match _dictionary(node):
                case (table, ast.Dict(keys=keys, values=values)):
                    for key, value in zip(keys, values, strict=True):
                        if isinstance(key, ast.Constant) and isinstance(value, ast.Name) and value.id in imported:
                            island = SRC.joinpath(*imported[value.id].split(".")).with_suffix(".py")
                            found.append(Component(table, str(key.value), value.id, island, path))
    return tuple(found)
