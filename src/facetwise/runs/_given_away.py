"""A run that somebody has given away, ready to answer."""

from pathlib import Path

from facetwise.errors import UserError
from facetwise.runs._hub import fetch_pretrained
from facetwise.runs._load import load
from facetwise.runs._run import Run

__all__ = ["from_pretrained"]


def from_pretrained(source: str | Path, *, revision: str | None = None, token: str | None = None) -> Run:
    """A run that somebody has given away: a folder of `save_pretrained`, or a repository of the Hugging Face hub.

    Only JSON, safetensors, YAML and the card are fetched, and every byte of the bundle is checked against its digests;
    nothing in it is executed. The network is asked only for what is no folder here.

    Args:
        source: Folder, or OWNER/NAME.
        revision: Branch, tag or commit of the repository.
        token: For the hub.

    Raises:
        UnavailableError: No network, no such repository, or no right.
        RunError, BundleError: There is no run in it, or not what was written.
    """
    folder = Path(source)
    if not folder.is_dir():
        parts = str(source).split("/")
        if isinstance(source, Path) or len(parts) != 2 or not all(parts) or parts[0] in (".", "..", "~"):
            raise UserError(f"{source} is a folder, or OWNER/NAME on the hub. Found neither. Fix: check the path")
        folder = fetch_pretrained(str(source), revision=revision, token=token)
    return load(folder)
