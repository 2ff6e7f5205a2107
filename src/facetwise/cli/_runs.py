"""What a user has named: a run folder, a file to write. Looked at before any work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from facetwise.errors import RunError, UserError, nearest

__all__ = ["check_out", "check_run"]

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


def check_out(path: Path, kinds: Sequence[str], *, what: str) -> None:
    """The file that a user has named can be written as what its suffix says.

    Raises:
        UserError: Another suffix.
    """
    if path.suffix not in kinds:
        words = f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        raise UserError(f"{what} is written as {words}. Found {path.name!r}. Fix: choose one")


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
