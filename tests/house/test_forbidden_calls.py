"""Nothing that runs a stranger's file as code, swallows an error, or prints behind the screen's back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_sources import PACKAGE, python_files, short, tree

UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.hub.load", "torch.jit.load",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all",
}  # fmt: skip
# However the module is called: `from yaml import load`, `hydra.utils.instantiate`, `pkl.loads`.
UNSAFE_NAMES = {"instantiate", "unsafe_load", "full_load", "UnsafeLoader", "FullLoader", "Unpickler", "get_method"}
TOO_WIDE = {"Exception", "BaseException"}


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call by the full name of what is called, whatever a module was called when it was imported."""
    modules = {
        alias.asname: alias.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            yield modules.get(first, first) + dot + rest, node


def _keyword(call: ast.Call, name: str) -> object:
    return next((k.value.value for k in call.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def _complaints(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in UNSAFE_MODULES)
        if isinstance(node, ast.ImportFrom) and node.module in ("yaml", "torch", "numpy"):
            loads = [alias.name for alias in node.names if "load" in alias.name.lower()]
            yield from (f"{node.lineno}: from {node.module} import {name}" for name in loads)
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or ast.unparse(kind) in TOO_WIDE for kind in caught):
                yield f"{node.lineno}: catches everything"
    for name, call in _calls(path):
        if name in UNSAFE_CALLS:
            yield f"{call.lineno}: {name}"
        if name.split(".")[-1] in UNSAFE_NAMES:
            yield f"{call.lineno}: {name}"
        if _keyword(call, "trust_remote_code"):
            yield f"{call.lineno}: runs the code of a downloaded model"
        if name == "torch.load" and _keyword(call, "weights_only") is not True:
            yield f"{call.lineno}: torch.load without weights_only=True"
        if name == "numpy.load" and _keyword(call, "allow_pickle") is not False:
            yield f"{call.lineno}: np.load without allow_pickle=False"
        if _keyword(call, "shell") is True:
            yield f"{call.lineno}: a shell"
        if name in ("print", "sys.stdout.write", "sys.stderr.write") and PACKAGE / "cli" not in path.parents:
            yield f"{call.lineno}: prints outside cli"


@pytest.mark.parametrize("path", python_files(), ids=short)
def test_nothing_forbidden(path: Path) -> None:
    assert list(_complaints(path)) == []


UNSAFE = (
    "import pickle",
    "from pickle import load",
    "import torch\ntorch.load('x')",
    "import torch\ntorch.load('x', weights_only=False)",
    "import torch as t\nt.load('x')",
    "from torch import load",
    "import numpy as np\nnp.load('x')",
    "import numpy as np\nnp.load('x', allow_pickle=True)",
    "import numpy\nnumpy.load('x')",
    "import yaml\nyaml.load('x', Loader=yaml.SafeLoader)",
    "import yaml as text\ntext.load('x')",
    "import os as system\nsystem.system('x')",
    "from yaml import load",
    "import yaml\nyaml.unsafe_load('x')",
    "eval('1')",
    "exec('1')",
    "hydra.utils.instantiate(config)",
    "AutoModel.from_pretrained('x', trust_remote_code=True)",
    "import subprocess\nsubprocess.run('x', shell=True)",
    "try:\n    pass\nexcept Exception:\n    pass",
    "try:\n    pass\nexcept:\n    pass",
    "print('x')",
)


@pytest.mark.parametrize("text", UNSAFE)
def test_the_gate_sees(text: str, tmp_path: Path) -> None:
    """A gate that sees nothing would let everything through."""
    path = tmp_path / "x.py"
    path.write_text(text, encoding="utf-8")
    assert list(_complaints(path))
