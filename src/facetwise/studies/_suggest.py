"""What to label next: the items whose labels would tell the most, and which of their cells."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetwise.decisions import Decisions
from facetwise.events import Event, Report, silent
from facetwise.inference import inert
from facetwise.models.backbones import create_backbone
from facetwise.reports import Pictures, page, text, thumbnails
from facetwise.runs import Run, prepared_of
from facetwise.schema import UNKNOWN, Kind, Schema
from facetwise.studies._out_of_fold import project
from facetwise.training import Prepared

__all__ = ["Suggested", "diverse", "pictures_of", "suggest", "suggestions_csv", "suggestions_page", "uncertainty"]

# Cells that are named per item.
CELLS = 3
_STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .75rem; }
.card { display: grid; grid-template-columns: 6rem 1fr; gap: .75rem; padding: .6rem; background: var(--panel);
  border-radius: 6px; } .card img { width: 6rem; height: 6rem; border-radius: 4px; object-fit: cover; }
.card p { margin: 0; line-height: 1.35; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """One item to label.

    Args:
        row: 0-based row of the table.
        image: Its picture.
        score: Sum of the uncertainties of its empty cells.
        cells: (attribute, uncertainty between 0 and 1, what the model would say, what the cell says: nothing, or a text
            that means so) of its most uncertain empty cells.
    """

    row: int
    image: str
    score: float
    cells: tuple[tuple[str, float, str, str], ...]


def uncertainty(schema: Schema, decisions: Decisions) -> np.ndarray:
    r"""(item, attribute) P(applies) H(p) / log C: how much of what can be unknown is unknown; of several classes at
    once the mean over classes; numbers 0, whose deviation has no such scale.

    Source: Lewis and Gale (1994), A sequential algorithm for training text classifiers (entropy of the answer).
    """
    told = np.zeros(decisions.state.shape)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        chance = np.clip(decisions.chances[:, block.scores].astype(np.float64), 1e-12, 1.0)
        if attribute.kind is Kind.MULTILABEL:
            other = np.clip(1.0 - chance, 1e-12, 1.0)
            told[:, place] = -(chance * np.log(chance) + other * np.log(other)).mean(axis=1) / np.log(2)
        elif attribute.kind is not Kind.NUMERIC and chance.shape[1] > 1:
            told[:, place] = -(chance * np.log(chance)).sum(axis=1) / np.log(chance.shape[1])
    return np.clip(told, 0.0, 1.0) * decisions.applies


def diverse(vectors: np.ndarray, score: np.ndarray, count: int) -> np.ndarray:
    r"""Places of `count` items, greedily: score times distance to the nearest item that is chosen already.

    Source: k-centre greedy: Sener and Savarese (2018), Active learning for convolutional neural networks, algorithm 1;
    weighted by uncertainty.

    >>> diverse(np.array([[0.0], [0.1], [5.0]]), np.array([1.0, 0.9, 0.5]), 2).tolist()
    [0, 2]
    """
    chosen: list[int] = []
    far = np.ones(len(vectors))
    for _ in range(min(count, int((score > 0).sum()))):
        value = score * far
        value[chosen] = -1.0
        chosen.append(int(value.argmax()))
        apart = np.linalg.norm(vectors - vectors[chosen[-1]], axis=1)
        far = apart if len(chosen) == 1 else np.minimum(far, apart)
    return np.array(chosen, dtype=np.int64)


def suggest(run: Run, *, count: int = 50, seed: int = 0, report: Report = silent) -> list[Suggested]:
    """Items of the run's own table with empty cells, in the order in which to label them.

    Uncertain where a label would tell something, and unlike each other, so that it does not tell the same twice. Cells
    that have a label, or do not apply, ask for nothing; nor do those whose text is no class, or a rare one: they are
    for an audit.

    Args:
        run: A run whose table is still there.
        count: Items.
        seed: Of the projection in which distances are measured.
        report: Told about stages.
    """
    prepared, schema = prepared_of(run, report), run.schema
    report(Event("stage", f"asking {len(prepared.rows):,} rows"))
    decisions = run.predictor()(prepared.features, given=prepared.labels)
    silent = (prepared.labels.state == UNKNOWN) & _wordless(prepared)
    open_cells = np.where(silent, uncertainty(schema, decisions), 0.0)
    score = open_cells.sum(axis=1)
    vectors = project(np.asarray(prepared.features), seed=seed)
    names = prepared.images()
    found = []
    for place in diverse(vectors, score, count).tolist():
        best = [one for one in np.argsort(-open_cells[place], kind="stable")[:CELLS] if open_cells[place, one] > 0]
        cells = tuple(
            (schema.attributes[one].column, float(open_cells[place, one]), _answer(schema, decisions, place, one),
             _text(prepared, place, schema.attributes[one].column))
            for one in best
        )  # fmt: skip
        found.append(
            Suggested(row=int(prepared.rows[place]), image=names[place], score=float(score[place]), cells=cells)
        )
    return found


def _wordless(prepared: Prepared) -> np.ndarray:
    """(item, attribute) whether the cell says nothing, or a text that means nothing."""
    schema, table = prepared.schema, prepared.table
    there = np.ones((len(prepared.rows), len(schema.attributes)), dtype=bool)
    for place, attribute in enumerate(schema.attributes):
        if attribute.column in table.cells:
            there[:, place] = table.coded(attribute.column).among(schema.unknown)[prepared.rows]
    return there


def _text(prepared: Prepared, place: int, column: str) -> str:
    return str(prepared.table.column(column)[prepared.rows[place]]) if column in prepared.table.cells else ""


def _answer(schema: Schema, decisions: Decisions, row: int, place: int) -> str:
    attribute, block = schema.attributes[place], schema.layout().blocks[place]
    if attribute.kind is Kind.MULTILABEL:
        own = np.flatnonzero(decisions.members[row, block.scores])
        return attribute.separator.join(attribute.classes[one] for one in own)
    return attribute.classes[int(decisions.index[row, place])]


def pictures_of(run: Run) -> Pictures | None:
    """How the pictures of a run's own table are read; None where it was trained on given features."""
    about, component = run.source(), run.bundle.backbone
    if component["name"] is None:
        return None
    seen = create_backbone(component["name"], **component["options"]).preprocessing
    return Pictures(
        root=Path(about["images"]), size=seen.size, fit=seen.fit, allow_outside=run.config.allow_outside_root
    )


def suggestions_csv(found: Sequence[Suggested]) -> str:
    """One line per cell, in order; `new` is to be filled in, and the file is what `train --corrections` reads."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["accept", "row", "image", "attribute", "old", "new", "uncertainty", "model"])
    for one in found:
        for column, unsure, answer, old in one.cells:
            names = (one.image, column, old)
            writer.writerow(["", one.row + 1, *map(inert, names), "", f"{unsure:.3f}", inert(answer)])
    return sink.getvalue()


def suggestions_page(run: Run, found: Sequence[Suggested], pictures: Pictures | None) -> str:
    """The same with the pictures."""
    table, seen = run.prepared.table, {}
    if pictures is not None and found:
        rows = np.unique([one.row for one in found])
        thumbs = thumbnails(table, run.schema, np.arange(len(table)), rows, pictures, bad={})
        seen = {one.place: one.data for one in thumbs}
    cards = []
    for one in found:
        image = f'<img src="{seen[one.row]}" alt="{text(one.image)}">' if one.row in seen else "<span></span>"
        cells = "".join(
            f'<p><b>{text(column)}</b> <span class="soft">{unsure:.0%} open; {text(answer)}?</span></p>'
            for column, unsure, answer, _ in one.cells
        )
        name = f'<p class="small soft">row {one.row + 1}: {text(one.image)}</p>'
        cards.append(f'<div class="card">{image}<div>{cells}{name}</div></div>')
    title = f"What to label next in {Path(table.name).name}"
    told = f"{len(found):,} items, the most telling first; fill in suggestions.csv and train with --corrections."
    body = f'<h1>{text(title)}</h1><p class="soft">{told}</p><div class="cards">{"".join(cards)}</div>'
    return page(title, body, style=_STYLE)
