"""`import facetwise` and every `--help` stay light: nothing heavy is loaded before it is needed."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "onnxruntime", "onnx", "polars", "pyarrow", "pandas", "pydantic", "numpy")
COMMANDS = (
    "demo", "inspect", "train", "compare", "sweep", "evaluate", "predict", "fill", "export", "verify", "serve",
    "extract", "audit", "learn", "add-attribute", "soup", "distill", "diff", "drift", "backbones", "config", "env",
    "zero-shot", "suggest", "prepare", "recipes", "report",
)  # fmt: skip


def _loaded_by(code: str) -> list[str]:
    report = f"\nimport json, sys\nprint('\\n' + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    outcome = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return json.loads(outcome.stdout.splitlines()[-1])


def test_importing_facetwise_is_light() -> None:
    assert _loaded_by("import facetwise") == []


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"]])
def test_help_is_light(words: list[str]) -> None:
    assert _loaded_by(f"from facetwise.cli import run\nassert run({words!r}) == 0") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_light(command: str) -> None:
    loaded = _loaded_by(f"from facetwise.cli import run\nassert run([{command!r}, '--help']) == 0")
    # typer itself reads options with pydantic where it is installed.
    assert set(loaded) <= {"pydantic"}


def test_reading_the_configuration_needs_no_torch() -> None:
    assert "torch" not in _loaded_by("import facetwise.config")


def test_reading_a_table_needs_no_torch() -> None:
    assert "torch" not in _loaded_by("import facetwise.data, facetwise.metrics, facetwise.decisions, facetwise.images")


def test_training_on_features_needs_no_torchvision() -> None:
    """It brings torch's compiler and a symbolic algebra: as long again as torch itself."""
    loaded = _loaded_by("import facetwise.api")
    assert "torch" in loaded
    assert "torchvision" not in loaded


def test_a_plain_step_loads_no_symbolic_algebra() -> None:
    """`Tensor.backward` with a gradient does, and takes seconds for it."""
    code = """
import sys, torch
from facetwise.objectives import BALANCERS
from facetwise.objectives.balancing import Shared
weight = torch.ones(2, requires_grad=True)
shared = Shared(all=[weight], cut=[weight], own=[])
BALANCERS["equal"](names=["a", "b"], seed=0).backward(weight * 2, torch.tensor([True, True]), shared)
assert weight.grad is not None and "sympy" not in sys.modules
"""
    assert "torch" in _loaded_by(code)


def test_writing_a_table_asks_pandas_nothing() -> None:
    """`pyarrow.array` imports it, to ask whether a list is one of its own."""
    code = """
import io, numpy as np, pyarrow as pa, pyarrow.parquet as pq
from facetwise.inference import lists_of, numbers, texts
columns = [numbers(np.arange(2), pa.float64()), lists_of(texts(["a"]), np.array([1, 0]))]
pq.write_table(pa.Table.from_arrays(columns, names=["n", "t"]), io.BytesIO())
"""
    assert "pandas" not in _loaded_by(code)


def test_the_runtime_is_onnx_runtime_numpy_and_pillow() -> None:
    code = (
        "import facetwise.runtime, onnxruntime\n"
        "import sys\nfound = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print('\\n' + ' '.join(sorted(found)))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in outcome.stdout.split() if not name.startswith("_")}
    assert loaded <= {"facetwise", "numpy", "PIL", "onnxruntime", "sitecustomize", "packaging", "typing_extensions"}
