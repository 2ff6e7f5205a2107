"""Nothing that runs a stranger's file as code, swallows an error, or prints behind the screen's back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_sources import PACKAGE, python_files, short, tree

UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load"}
TOO_WIDE = {"Exception", "BaseException"}


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _keyword(call: ast.Call, name: str) -> object:
    return next((k.value.value for k in call.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def _loads_safely(path: Path, call: ast.Call) -> bool:
    """SafeLoader (plain data), BaseLoader (texts only), or a loader of this file that derives from one of them."""
    safe = {"yaml.SafeLoader", "SafeLoader", "yaml.BaseLoader", "BaseLoader"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef) and safe & {ast.unparse(base) for base in node.bases}:
            safe.add(node.name)
    chosen = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "Loader")]
    return len(chosen) == 1 and ast.unparse(chosen[0]) in safe


def _complaints(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in UNSAFE_MODULES)
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or ast.unparse(kind) in TOO_WIDE for kind in caught):
                yield f"{node.lineno}: catches everything"
    for name, call in _calls(path):
        if name in UNSAFE_CALLS:
            yield f"{call.lineno}: {name}"
        if name == "yaml.load" and not _loads_safely(path, call):
            yield f"{call.lineno}: yaml.load without a loader that derives from SafeLoader"
        if name == "torch.load" and _keyword(call, "weights_only") is not True:
            yield f"{call.lineno}: torch.load without weights_only=True"
        if name in ("np.load", "numpy.load") and _keyword(call, "allow_pickle") is not False:
            yield f"{call.lineno}: np.load without allow_pickle=False"
        if _keyword(call, "shell") is True:
            yield f"{call.lineno}: a shell"
        if name in ("print", "sys.stdout.write", "sys.stderr.write") and PACKAGE / "cli" not in path.parents:
            yield f"{call.lineno}: prints outside cli"


@pytest.mark.parametrize("path", python_files(), ids=short)
def test_nothing_forbidden(path: Path) -> None:
    assert list(_complaints(path)) == []
