"""What is declared is imported, and what is imported is declared."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from house_sources import ROOT, pyproject, python_files, tree

# Imported by a library on our behalf, so no import of ours shows it.
CALLED_BY_OTHERS = {
    "onnxscript": "torch.onnx.export(dynamo=True) writes the graph with it",
    "tensorboard": "torch.utils.tensorboard writes its files with it",
}
FINDERS = ("find_spec", "import_module", "files", "distribution")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", name)[0]).lower()


def _imports() -> Iterator[str]:
    for path in python_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in FINDERS:
                yield from (
                    a.value.split(".")[0] for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                )
        # A module that is looked up by a constant: MODULE = "name" ... find_spec(MODULE)
        for node in tree(path).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                name = ast.unparse(node.targets[0])
                text = path.read_text(encoding="utf-8")
                if any(f"{finder}({name}" in text for finder in FINDERS):
                    yield node.value.value.split(".")[0]


def test_declared_is_imported() -> None:
    owners = packages_distributions()
    foreign = {name for name in _imports() if name not in sys.stdlib_module_names and name != "facetwise"}
    used = {_normal(owners[name][0]) if name in owners else f"nothing installed gives {name}" for name in foreign}
    project = pyproject()["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    declared = {_normal(name) for name in [*project["dependencies"], *extras]}
    assert used - declared == set(), "imported, not declared"
    assert declared - used - set(CALLED_BY_OTHERS) == set(), "declared, not imported"


def test_every_dependency_has_a_tested_version() -> None:
    pinned = {_normal(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    declared = [*pyproject()["project"]["dependencies"], *pyproject()["dependency-groups"]["dev"]]
    assert {_normal(name) for name in declared} - pinned == set()
    assert "uv" in pinned
