"""Seeds, one thread, checked shapes, and where the development photos are."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "facetwise"
REALDATA = Path(os.environ.get("FACETWISE_REALDATA", ROOT.parent / "shared" / "data"))

# Sums in another order differ in the last bits; tests that compare bits need one thread. This must be set before torch
# is imported, and torch is not imported here, so that tests of the torch-free rooms stay fast.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# The same examples in every run: what a change breaks must not depend on luck, nor on who else uses the machine.
# `tests/fuzz/fuzz.py` searches at random.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def _annotated_modules() -> list[str]:
    """Modules with jaxtyping shapes; where tensors are imported only for the type checker, nothing can be checked."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "from jaxtyping import" in text and "TYPE_CHECKING" not in text:
            names.append(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    return names


# Every annotated shape is checked in every call that a test makes. The hook has to come before the first import of
# facetwise and stays for the whole session.
assert "facetwise" not in sys.modules
install_import_hook(_annotated_modules(), "beartype.beartype")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """The same random numbers in every test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the development photos."""
    if not REALDATA.is_dir():
        pytest.skip(f"the development photos are not here ({REALDATA}); set FACETWISE_REALDATA")
    return REALDATA


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch with one thread, whatever ran before: what is compared in bits is summed in one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of the made table and of its features."""
    from made_table import write_table

    return write_table(tmp_path_factory.mktemp("made"))


@pytest.fixture
def store() -> Iterator[object]:
    """Object storage in memory, empty before and after."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]
