"""Is this a run folder? And if not, which ones are there."""

from collections.abc import Iterator
from pathlib import Path

from facetwise.errors import RunError, nearest

__all__ = ["check_run"]

# Of many runs, so many are named.
SHOWN = 6


def check_run(path: Path) -> Path:
    """The run folder that a user has named.

    Raises:
        RunError: It is none, or not finished; the message names those that are there.
    """
    if (path / "bundle" / "bundle.json").is_file():
        return path
    if (path / "run.json").is_file():
        raise RunError(
            f"{path} is a run that is not finished. Fix: type its `facetwise train` command again; it continues"
        )
    if (path / "bundle.json").is_file():
        raise RunError(f"{path} is the bundle of a run. Fix: name the run's folder, {path.resolve().parent.name!r}")
    known = sorted(set(_runs_near(path)))
    if not path.exists():
        words = f"There is no run {str(path)!r}"
    elif path.is_file():
        words = f"{path} is a file, and RUN is the folder that `facetwise train` wrote"
    else:
        words = f"{path} is a folder, and not one that `facetwise train` wrote"
    raise RunError(f"{words}. Fix: {_which(path, known)}")


def _which(path: Path, known: list[str]) -> str:
    if not known:
        return "train first: facetwise train TABLE --images FOLDER --out runs/first"
    near = nearest(str(path), known)
    if near.startswith("did"):
        return near
    return f"name a run; here are {', '.join(known[:SHOWN])}{', ...' if len(known) > SHOWN else ''}"


def _runs_near(path: Path) -> Iterator[str]:
    """Finished runs beside the path, here, and in `runs`."""
    for folder in (path.parent, Path(), Path("runs")):
        try:
            for bundle in folder.glob("*/bundle/bundle.json"):
                yield str(bundle.parent.parent)
        except OSError:  # a folder that may not be read has no runs for us
            continue
