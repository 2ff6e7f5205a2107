"""One shard of a prediction, in a file of its own beside a marker: an idempotent task, as those of extraction are."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetwise.data import read_table
from facetwise.errors import RunError
from facetwise.events import Report, silent
from facetwise.features import Shard
from facetwise.inference import Answers, is_table, listed_pictures, part_of, root_of, write_json

if TYPE_CHECKING:
    from facetwise.runs._run import Run

__all__ = ["predict_shard", "shard_file"]


def shard_file(out: Path, shard: Shard) -> Path:
    """Where a shard's answers lie.

    >>> shard_file(Path("filled.csv"), Shard(2, 8)).name
    'filled.2-of-8.csv'
    """
    return out.with_name(f"{out.stem}.{shard.number}-of-{shard.of}{out.suffix}")


def predict_shard(
    run: "Run",
    source: Any,
    shard: Shard,
    out: Path,
    *,
    images: str | Path | None = None,
    overwrite: bool = False,
    report: Report = silent,
    **options: Any,
) -> Answers | None:
    """Predict one shard of a source and write it to `shard_file(out, shard)`; None where that was done already.

    The rows are those of the whole prediction, to the byte. The marker (the same name and `.done`) is written after
    them and says of which run, source and options they are.

    Args:
        run: The run.
        source: As for `Run.predict`.
        shard: Which part.
        out: The file that the whole would have: .csv, .parquet or .jsonl.
        images: Folder that a table's paths are relative to.
        overwrite: Do it again, whatever is there.
        report: Told about progress.
        options: As for `Run.predict`.

    Raises:
        RunError: The file holds answers of something else.
    """
    path = shard_file(out, shard)
    marker = path.with_name(f"{path.name}.done")
    task = {"run": _bundle(run), "source": _digest(source, images), "shard": str(shard), "options": repr(options)}
    if not overwrite and path.exists() and marker.exists():
        if _told(marker) == {**task, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}:
            return None
        raise RunError(
            f"{path} holds this shard, or nothing yet. Found answers of another run, source or options. "
            "Fix: --overwrite, or another --out"
        )
    marker.unlink(missing_ok=True)
    part, root = part_of(source, images, shard)
    answers = run.predict(part, images=root, report=report, **options)
    answers.write(path)
    write_json(marker, {**task, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    return answers


def _bundle(run: "Run") -> str:
    return hashlib.sha256((run.path / "bundle" / "bundle.json").read_bytes()).hexdigest()


def _digest(source: Any, images: str | Path | None) -> str:
    """Of the names of everything that is to be predicted; a table says more than its names."""
    if isinstance(source, list | tuple):
        told = [str(item) for item in source]
    elif is_table(source):
        told = [read_table(source).digest, str(root_of(source, images).resolve())]
    else:
        told = [str(path) for path in listed_pictures(Path(source))[1]]
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()


def _told(marker: Path) -> Mapping[str, Any] | None:
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
