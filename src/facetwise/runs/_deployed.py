"""A run out of the training machine: export to one file, and the proof on the run's own pictures."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from facetwise.data import Table, boxes, encode, read_table, resolve_pictures
from facetwise.errors import BundleError, RunError, UserError
from facetwise.events import Event, Report, silent
from facetwise.features import available_cores
from facetwise.images import Box, decode, fit, quiet_decoder, read_bytes
from facetwise.inference import cache_root, root_of, write_bytes
from facetwise.inference.exporting import (
    BATCHES,
    Answering,
    FileAnswering,
    Probe,
    ProgramAnswering,
    ServerAnswering,
    Verification,
    check_exportable,
    onnx_file,
    program_file,
    verify,
)
from facetwise.models.backbones import Backbone
from facetwise.runs._how_long import prepared_of
from facetwise.runtime import Model, Precision, facts_from, load, read_contents
from facetwise.training import FinishedRun

__all__ = ["Exported", "Format", "export_run", "exported_file", "verify_run"]

Format = Literal["onnx", "torch-export"]
# Pictures of the gate: as many as the bar asks for at least, and of the smaller batches enough to see a wrong shape.
GATE, GATE_OF_BATCH = 512, 96
# int8 is judged by right answers, and every labelled picture sharpens the judgement.
GATE_INT8 = 5000
# Training pictures that the ranges of int8 are measured on; more changed nothing.
CALIBRATING, CALIBRATING_BATCH = 256, 16
# Questions to a server at the same time: enough to see batches that others share, too few to fill its queue.
ASKING = 2


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What `export` made: the file, its size, and the proof."""

    path: Path
    size: int
    verification: Verification


@dataclass(frozen=True)
class _Pictures:
    """Some rows of a table: names, where their pictures are, which part of them counts."""

    names: list[str]
    paths: list[Path]
    parts: list[Box | None]

    def files(self, places: np.ndarray) -> np.ndarray:
        """(item,) bytes of the files, as a client of a server sends them; of a part that counts, that part."""
        found = np.empty(len(places), dtype=object)
        with quiet_decoder():
            for item, place in enumerate(places.tolist()):
                data, part = read_bytes(self.paths[place]), self.parts[place]
                found[item] = data if part is None else _as_png(decode(data, box=part))
        return found

    def pixels(self, backbone: Backbone, places: np.ndarray) -> np.ndarray:
        """uint8 (item, size, size, 3) as `predict` reads them."""
        normal = backbone.preprocessing
        with quiet_decoder():
            return np.stack(
                [
                    fit(decode(read_bytes(self.paths[n]), box=self.parts[n]), size=normal.size, mode=normal.fit)
                    for n in places.tolist()
                ]
            )


def _as_png(picture: Image.Image) -> bytes:
    """The same pixels as a file."""
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()


def _box(sides: np.ndarray) -> Box | None:
    left, top, right, bottom = (int(side) for side in sides)
    return None if left < 0 else (left, top, right, bottom)


def _pictures(run: FinishedRun, table: Table, root: Path, rows: np.ndarray) -> tuple[_Pictures, np.ndarray]:
    """The pictures of rows that have exactly one; and which of the rows these are."""
    schema = run.schema
    found, _, _ = resolve_pictures(table, schema.images, root, allow_outside=run.config.allow_outside_root)
    part = boxes(table, schema) if schema.box is not None and schema.box in table.cells else None
    kept = np.array([place for place, row in enumerate(rows.tolist()) if len(found[row]) == 1], dtype=np.int64)
    column = table.column(schema.images[0])
    chosen = rows[kept].tolist()
    parts = [None if part is None else _box(part[row]) for row in chosen]
    return _Pictures([str(column[row]) for row in chosen], [found[row][0] for row in chosen], parts), kept


def _probe(
    run: FinishedRun,
    backbone: Backbone | None,
    table: Any,
    images: str | Path | None,
    limit: int,
    *,
    report: Report,
    as_files: bool = False,
) -> Probe:
    """Validation items of the run, or items of a labelled table.

    Raises:
        RunError: The run's own table or pictures are not here any more.
    """
    predictor = run.predictor()
    if table is not None:
        read, root = read_table(table), root_of(table, images)
        features, rows, _ = run.describe(read, root, report=report)
        truth, _ = encode(run.schema, read.take(rows))
        whole = read
    else:
        prepared = prepared_of(run, report)
        side = prepared.split.rows("val")
        features, rows, truth = prepared.features[side], prepared.rows[side], prepared.labels.take(side)
        whole = prepared.table
        about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
        root = Path(images) if images is not None else Path(about["images"])
    if backbone is None:
        chosen = np.arange(len(features))[:limit]
        names, values = [str(row) for row in rows[chosen]], np.ascontiguousarray(features[chosen], dtype=np.float32)
        return Probe(
            images=names, values=lambda places: values[places], expected=predictor(values), truth=truth.take(chosen)
        )
    pictures, kept = _pictures(run, whole, root, rows[:limit])
    if len(rows) and not len(kept):
        raise RunError(
            f"{run.path} has no picture below {root}. Fix: name its table and images: --table T --images DIR"
        )
    return Probe(
        images=pictures.names,
        values=pictures.files if as_files else lambda places: pictures.pixels(backbone, places),
        expected=predictor(features[kept]), truth=truth.take(kept),
    )  # fmt: skip


def _calibrating(run: FinishedRun, backbone: Backbone, images: str | Path | None) -> Iterator[np.ndarray]:
    """Training pictures, the same ones at every export, spread over the table."""
    prepared = run.prepared
    side = prepared.rows[prepared.split.rows("train")]
    chosen = side[np.linspace(0, len(side) - 1, min(CALIBRATING, len(side))).astype(int)]
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    root = Path(images) if images is not None else Path(about["images"])
    pictures, _ = _pictures(run, prepared.table, root, chosen)
    for start in range(0, len(pictures.paths), CALIBRATING_BATCH):
        yield pictures.pixels(backbone, np.arange(start, min(start + CALIBRATING_BATCH, len(pictures.paths))))


def _counts(precision: Precision) -> Mapping[int, int]:
    most = GATE_INT8 if precision == "int8" else GATE
    return {size: most if size == max(BATCHES) else GATE_OF_BATCH for size in BATCHES}


def export_run(
    run: FinishedRun,
    out: Path,
    *,
    format: Format = "onnx",  # noqa: A002  (the name of the command's option)
    precision: Precision = "fp32",
    features_only: bool = False,
    table: Any = None,
    images: str | Path | None = None,
    report: Report = silent,
) -> Exported:
    """Write a run as one file, and prove that it decides as the run does; a file that does not is not kept.

    Args:
        run: The run.
        out: The file.
        format: onnx, or torch-export.
        precision: fp32; fp16 or int8 of the backbone.
        features_only: The file reads the features of the run's backbone instead of pixels.
        table: A labelled table to prove it on; the run's own validation rows if not given.
        images: Folder of its pictures.
        report: Told about progress.

    Raises:
        UserError: What one file cannot hold; or a file that decides differently, with the attributes.
    """
    check_exportable(run.bundle, features_only=features_only)
    if precision != "fp32" and (features_only or format != "onnx"):
        raise UserError(
            f"--precision {precision} is about the backbone of an ONNX file. Found none in it. Fix: leave it out"
        )
    backbone = None if features_only else run.backbone()
    report(Event("stage", "writing the graph"))
    calibrating = _calibrating(run, backbone, images) if precision == "int8" and backbone is not None else None
    if format == "torch-export":
        data = program_file(run.predictor(), backbone=backbone)
        answering: Answering = ProgramAnswering(data)
    else:
        data = onnx_file(
            run.predictor(), backbone=backbone, cache=cache_root(), precision=precision, calibrating=calibrating
        )
        answering = FileAnswering(Model(data, facts_from(read_contents(data))))
    report(Event("stage", "proving that it decides as the run does"))
    counts = _counts(precision)
    probe = _probe(run, backbone, table, images, max(counts.values()), report=report)
    found = verify(answering, probe, counts=counts, threads=available_cores(), report=report)
    if not found.holds:
        what = "\n".join(f"  {line}" for line in found.complaints)
        raise UserError(
            f"{out} was not written: the {precision} file does not decide as the run does:\n{what}\n"
            "Fix: --precision fp32, or another backbone"
        )
    write_bytes(out, data)
    return Exported(path=out, size=len(data), verification=found)


def exported_file(run: FinishedRun, *, report: Report = silent) -> Path:
    """The run as an ONNX file in the cache, written and proved where it is not there yet.

    Its name comes from the bundle, which holds the digest of every file of the model, and from our version.

    Raises:
        UserError: What one file cannot hold, or pictures to prove it on that are not here.
    """
    bundle = (run.path / "bundle" / "bundle.json").read_bytes()
    key = hashlib.sha256(bundle + version("facetwise").encode()).hexdigest()[:16]
    path = cache_root() / "exported" / f"{key}.onnx"
    if not path.is_file():
        export_run(run, path, report=report)
    return path


def verify_run(
    run: FinishedRun,
    file: Path,
    *,
    table: Any = None,
    images: str | Path | None = None,
    limit: int = 1000,
    against: str | None = None,
    token: str | None = None,
    report: Report = silent,
) -> Verification:
    """Compare an exported file, or a server that speaks for it, with its run, at batches of 1, 2, 7 and 32 pictures.

    Args:
        run: The run.
        file: What `export` wrote.
        table: A labelled table to try it on; the run's own validation rows if not given.
        images: Folder of its pictures.
        limit: Pictures at most.
        against: Address of a server of the file; it is sent the pictures' own files.
        token: What the server asks for.
        report: Told about progress.

    Raises:
        BundleError: The file was refused, is about other attributes, or is not the one that is served.
        UserError: The server does not answer.
    """
    model = load(file)
    if model.schema != run.schema:
        raise BundleError(f"{file} is a file of another run: its attributes are not those of {run.path}")
    backbone = run.backbone() if model.facts.size else None
    if against is None:
        probe = _probe(run, backbone, table, images, limit, report=report)
        counts = dict.fromkeys(BATCHES, limit)
        return verify(FileAnswering(model), probe, counts=counts, threads=available_cores(), report=report)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    server = ServerAnswering(against, facts=model.facts, digest=digest, token=token)
    probe = _probe(run, backbone, table, images, limit, report=report, as_files=True)
    counts = {size: limit for size in BATCHES if size <= server.most} or {1: limit}
    return verify(server, probe, counts=counts, threads=ASKING, report=report)
