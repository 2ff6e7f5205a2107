"""A run folder opened."""

from pathlib import Path

from facetwise.errors import RunError
from facetwise.runs._run import Run

__all__ = ["load"]


def load(path: str | Path) -> Run:
    """A finished run, ready to evaluate and predict.

    Raises:
        RunError: No finished run there.
    """
    path = Path(path)
    if not (path / "bundle" / "bundle.json").is_file():
        raise RunError(f"{path} is a finished run. Found no bundle in it. Fix: `facetwise train ... --out {path}`")
    return Run(path)
