"""Answers and their pictures to a gallery."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facetwise.data import read_table, resolve_pictures
from facetwise.errors import ImageError, UserError
from facetwise.events import Event, Report, silent
from facetwise.inference import Answers, fetched, is_table, listed_pictures, root_of, write_bytes, write_text
from facetwise.reports import Shown, choose_shown, gallery_page, gallery_png
from facetwise.runs._explaining import Explainer
from facetwise.schema import Kind, Schema
from facetwise.training import FinishedRun

__all__ = ["write_gallery"]


def _sources(run: FinishedRun, source: Any, images: str | Path | None) -> list[Path | None]:
    """Where the picture of every answer is: of an item with several, the first that is there."""
    if isinstance(source, list | tuple):
        return [Path(one) for one in source]
    if not is_table(source):
        return list(listed_pictures(Path(source))[1])
    table = read_table(source)
    views, _, _ = resolve_pictures(
        table, list(run.schema.images), root_of(source, images), allow_outside=run.config.allow_outside_root
    )
    return [next((path for path in row if path is not None), None) for row in views]


def _shown_by(schema: Schema) -> str:
    """The category; without one the first attribute with one class per cell, or the first of all."""
    if schema.category is not None:
        return schema.category
    single = schema.of_kind(Kind.CATEGORICAL, Kind.ORDINAL, Kind.BINARY)
    return schema.attributes[single[0] if single else 0].column


def _explained(explainer: Explainer, shown: Shown, place: int, total: int, report: Report) -> Shown:
    try:
        found = explainer(shown.source, shown.image)
    except ImageError:  # The gallery says so where its picture would be.
        found = None
    report(Event("progress", "pictures explained", place + 1, total))
    return replace(shown, explained=found)


def write_gallery(
    run: FinishedRun, out: Path, answers: Answers, source: Any, *, images: str | Path | None = None, classes: int = 20,
    per_class: int = 3, explain: Sequence[str] = (), checkpoint: str = "best_score", report: Report = silent,
) -> int:  # fmt: skip
    """The surest pictures of the classes of the category that are given most often; see `Run.write_gallery`."""
    if explain and out.suffix.lower() == ".png":
        raise UserError(f"regions are shown on a page. Found {out.name!r}. Fix: name a gallery that ends in .html")
    explainer = Explainer(run, explain, checkpoint=checkpoint) if explain else None
    source, images = fetched(source, images, report=report)
    column = _shown_by(run.schema)
    chosen = choose_shown(
        answers.rows, _sources(run, source, images), column, classes=classes, per_class=per_class
    )  # fmt: skip
    if explainer is not None:
        report(Event("stage", f"where {len(chosen):,} pictures' answers come from"))
        chosen = [_explained(explainer, one, place, len(chosen), report) for place, one in enumerate(chosen)]
    if out.suffix.lower() == ".png":
        write_bytes(out, gallery_png(chosen, per_row=max(per_class, min(6, len(chosen) or 1))))
    else:
        write_text(out, gallery_page(run.path.resolve().name, column, chosen))
    return len(chosen)
