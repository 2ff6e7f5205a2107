"""The graph of the tiny backbone, exported once per session: loading torch and exporting cost seconds."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from facetwise.features import export_graph
from tiny_backbone import TinyBackbone

__all__ = ["tiny_graphs"]


@cache
def tiny_graphs() -> Path:
    """A cache that holds this graph and nothing else. Copy it; it is everybody's."""
    folder = Path(tempfile.mkdtemp(prefix="facetwise-graphs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    export_graph(TinyBackbone(), folder)
    return folder
