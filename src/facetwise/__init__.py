"""facetwise: one model that fills in every attribute of every picture.

The names below are loaded when they are first used, so that `import facetwise` is instant and needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facetwise.api import (
        Run,
        build,
        compare,
        environment,
        extract,
        from_pretrained,
        inspect,
        load,
        prepare,
        sweep,
        train,
    )

__version__ = "0.1.0"

__all__ = [
    "Run",
    "__version__",
    "build",
    "compare",
    "environment",
    "extract",
    "from_pretrained",
    "inspect",
    "load",
    "prepare",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("facetwise.api"), name)
    raise AttributeError(f"module 'facetwise' has no attribute {name!r}")
