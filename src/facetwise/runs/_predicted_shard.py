"""One shard of a prediction, in a file of its own beside a marker: an idempotent task, as those of extraction are."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetwise.errors import RunError
from facetwise.events import Report, silent
from facetwise.features import Shard, ShardTask
from facetwise.inference import Answers, part_of, pictures_of, write_json, writing

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
    them and says of which run, source, pictures (by name, size and time, as `extract` knows them) and options they are.
    Another one (`.begun`) is there meanwhile, so that a task that died is done again and no other file is touched.

    Args:
        run: The run.
        source: As for `Run.predict`; of an address only this shard's pictures are copied.
        shard: Which part.
        out: The file that the whole would have: .csv, .parquet or .jsonl.
        images: Folder that a table's paths are relative to; its address.
        overwrite: Do it again, whatever is there.
        report: Told about progress.
        options: As for `Run.predict`.

    Raises:
        RunError: The file holds answers of something else, or is none that we wrote.
    """
    path = shard_file(out, shard)
    marker, begun = (path.with_name(f"{path.name}.{state}") for state in ("done", "begun"))
    part = part_of(source, images, shard, report=report)
    seen = pictures_of(part.source, part.root, schema=run.schema, allow_outside=run.config.allow_outside_root)
    pictures = ShardTask(shard=shard, first=0, paths=tuple(str(one) for one in seen)).digest(str(part.root))
    task = {
        "run": _bundle(run), "source": part.digest(), "pictures": pictures, "shard": str(shard),
        "options": repr(options),
    }  # fmt: skip
    if not overwrite and path.exists():
        if marker.exists() and _told(marker) == {**task, "sha256": _sha256(path)}:
            return None
        if not begun.exists():
            raise RunError(
                f"{path} holds this shard, or nothing yet. Found {_found(marker, task)}. "
                "Fix: --overwrite, or another --out"
            )
    write_json(begun, task)
    with writing(marker):
        marker.unlink(missing_ok=True)
    answers = run.predict(part.source, images=part.root, report=report, **options)
    answers.write(path)
    write_json(marker, {**task, "sha256": _sha256(path)})
    with writing(begun):
        begun.unlink(missing_ok=True)
    return answers


def _found(marker: Path, task: Mapping[str, Any]) -> str:
    """What a file in the place of a shard is, in words."""
    if not marker.exists():
        return "a file without the marker of a shard, which something else has written"
    told = _told(marker) or {}
    if any(told.get(name) != task[name] for name in ("run", "source", "shard", "options")):
        return "answers of another run, source or options"
    if told.get("pictures") != task["pictures"]:
        return "answers about other pictures: some have changed under the same name since"
    return "answers that were changed since"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bundle(run: "Run") -> str:
    return hashlib.sha256((run.path / "bundle" / "bundle.json").read_bytes()).hexdigest()


def _told(marker: Path) -> Mapping[str, Any] | None:
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
