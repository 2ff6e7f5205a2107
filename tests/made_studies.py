"""A small comparison on the made table."""

from pathlib import Path
from typing import Any

from facetwise import studies
from made_table import TINY

__all__ = ["compared"]


def compared(made: tuple[Path, Path], out: Path, **options: Any) -> studies.Comparison:
    """Two balancers, two seeds, unless told otherwise."""
    options = {"vary": ["balancing=equal,uncertainty"], "seeds": 2, **options}
    settings = [*TINY, *options.pop("settings", ())]
    return studies.compare(made[0], features=made[1], out=out, settings=settings, **options)
