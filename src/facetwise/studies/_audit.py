"""An audit of a table's labels and pictures: one ranked queue over all attributes."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config, load_config
from facetwise.data import Inference, Split, Table, boxes, complete_schema, encode, resolve_pictures, split_rows, tell
from facetwise.errors import UserError
from facetwise.events import Event, Report, silent
from facetwise.features import choose_levels
from facetwise.inference import Described, describe_table, fetched, inert
from facetwise.models.backbones import create_backbone
from facetwise.runs import Run
from facetwise.schema import Labels, Schema
from facetwise.studies._consistency import consistency_findings, rule_findings
from facetwise.studies._contradictions import contradiction_findings, groups_of_keys
from facetwise.studies._findings import Finding
from facetwise.studies._out_of_fold import folds_of, project
from facetwise.studies._picture_faults import alike_pictures, fault_findings, measure_pictures
from facetwise.studies._texts import spellings_of, text_findings
from facetwise.studies._wrong_labels import LEAST_CHANCE, Audited, audit_labels, label_findings
from facetwise.training import Structure, read_structure

__all__ = ["COLUMNS", "Audit", "audit", "audit_run", "queue_csv"]

# Of the file that a person goes through, and that `train --corrections` reads: where `accept` says yes.
COLUMNS = ("accept", "row", "image", "attribute", "old", "new", "chance", "kind", "why")


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Args:
        table: The whole table.
        schema: The vocabulary.
        queue: Everything to look at, the most probably wrong first; then classes that the schema does not know, and
            what is about pictures alone last.
        attributes: Per attribute, or class of an attribute with several at once, every label's suspicion.
        skipped: Attributes, or `attribute: class`, whose labels are not judged, and why: too few labels or classes, or
            pictures that do not show them.
        rows: Rows of the table whose picture could be read; places in `attributes` count these.
        folder: Folder that the table's paths are relative to.
        about: Backbone and decode settings that thumbnails need.
    """

    table: Table
    schema: Schema
    queue: list[Finding]
    attributes: list[Audited]
    skipped: dict[str, str]
    rows: np.ndarray
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Findings by kind, the most frequent first."""
        kinds = [one.kind for one in self.queue]
        return dict(sorted(((kind, kinds.count(kind)) for kind in set(kinds)), key=lambda item: (-item[1], item[0])))


def audit(
    table: Any,
    *,
    images: str | Path | None = None,
    schema: Schema | None = None,
    config: Config | None = None,
    corrections: str | Path | None = None,
    pictures: bool = True,
    least: float = LEAST_CHANCE,
    seed: int = 0,
    report: Report = silent,
) -> Audit:
    """Look for what is wrong in a table: labels, texts, pictures.

    Every label is compared with what a quick model says that was trained without it: five folds over the cached
    features; rows of one group, of one picture or of pictures that look the same are in one fold.

    Args:
        table: Path, address or frame.
        images: Folder that its paths are relative to, or its address.
        schema: A schema; inferred if not given. The vocabulary comes from all rows: nothing is held out.
        config: For the backbone, the group and the columns; the defaults if not given.
        corrections: Corrected cells, as for `train`.
        pictures: Look at the pictures' pixels too, for dark, blurred and tiny ones.
        least: Labels that are less probably wrong are left out of the queue.
        seed: Of folds and planted flips.
        report: Told about progress.

    Raises:
        UserError: The table or its pictures cannot be read.
    """
    config = config or load_config(None)
    table, images = fetched(table, images, report=report)
    read = read_structure(
        table, images=None if images is None else Path(images), schema=schema, config=config, corrections=corrections
    )
    if not read.structure.images:
        raise UserError(f"{read.table.name} has a column that names pictures. Found none. Fix: name it in the schema")
    tell(read.table.notices, report)
    backbone = create_backbone(config.backbone.name, **config.backbone.options)
    described = describe_table(
        read.table, list(read.structure.images), read.root, backbone=backbone, device=config.device,
        boxes=boxes(read.table, read.structure) if read.structure.box else None,
        allow_outside=config.allow_outside_root, workers=config.workers, report=report,
    )  # fmt: skip
    if not len(described.good):
        raise UserError(f"{read.table.name}: no picture can be read. Fix: say where they are with --images")
    kept = read.table.take(described.good)
    faults, alike = _pictures(described, read, config, report, look=pictures)
    digests = [described.digests[row] for row in described.good]
    # What belongs together matters here and no side, so that gaps in the table's own split do not either.
    sideless = replace(read.structure, split=None) if isinstance(read.structure, Inference) else read.structure
    split = split_rows(kept, sideless, digests=digests, seed=seed, together=alike)
    everything = np.arange(len(kept))
    found, notices = complete_schema(
        read.structure, kept, everything, min_count=config.min_count, attributes=config.attributes,
        exclude=config.exclude,
    )  # fmt: skip
    tell(notices, report)
    labels, odd = encode(found, kept, forgiving=True)
    tell([notice for notice in odd if notice.code == "unreadable-number"], report)
    spellings = spellings_of(found, kept)
    report(Event("stage", f"asking {len(found.attributes)} attributes out of fold"))
    vectors = project(choose_levels(described.pooled(), described.levels, config.levels)[0], seed=seed)
    folds = folds_of(np.unique(np.array(split.groups, dtype=object), return_inverse=True)[1], seed=seed)
    audited, skipped = audit_labels(found, labels, vectors, folds, seed=seed, report=report)
    names = _names(found, kept)
    queue = label_findings(found, kept, names, audited, spellings, least=least)
    queue += _doubles(found, kept, names, labels, split, alike, read.structure)
    queue += consistency_findings(found, kept, names, labels) + text_findings(found, kept, names, labels, spellings)
    queue += rule_findings(found, kept, names, labels, audited, least=least)
    return Audit(
        table=read.table, schema=found, queue=_ranked(queue + faults), attributes=audited, skipped=skipped,
        rows=described.good,
        folder=read.root,
        about={"size": backbone.preprocessing.size, "fit": backbone.preprocessing.fit,
               "allow_outside": config.allow_outside_root},
    )  # fmt: skip


def audit_run(run: Run, **options: Any) -> Audit:
    """The audit of the table that a run was trained on, with its schema and its configuration.

    Args:
        run: The run.
        options: See `audit`.

    Raises:
        UserError: The run was trained on given features, or its table is not there any more.
    """
    source = run.source()
    if run.bundle.backbone["name"] is None:
        raise UserError("an audit looks at pictures; this run was trained on given features. Fix: audit the table")
    return audit(
        source["table"], images=source["images"], corrections=source["corrections"], schema=run.schema,
        config=run.config, **options,
    )  # fmt: skip


def _names(schema: Schema, table: Table) -> list[str]:
    column = schema.images[0]
    return [str(text) for text in table.column(column)] if column in table.cells else [""] * len(table)


def _doubles(
    schema: Schema, table: Table, names: list[str], labels: Labels, split: Split, alike: Sequence[np.ndarray],
    structure: Schema | Inference,
) -> list[Finding]:  # fmt: skip
    """Contradictions between rows of one picture, then between rows of pictures that look the same."""
    keys = list(split.digests)
    if structure.box is not None and structure.box in table.cells:
        keys = [f"{key}\0{box}" if key else "" for key, box in zip(keys, table.column(structure.box), strict=True)]
        alike = []  # the same picture with another box is another item
    same = groups_of_keys(keys)
    members = {tuple(sorted(group.tolist())) for group in same}
    rest = [group for group in alike if len(group) > 1 and tuple(sorted(group.tolist())) not in members]
    return [
        *contradiction_findings(schema, table, names, labels, same, kind="contradiction", double="double"),
        *contradiction_findings(schema, table, names, labels, rest, kind="alike", double="double-alike"),
    ]


def _pictures(
    described: Described, read: Structure, config: Config, report: Report, *, look: bool
) -> tuple[list[Finding], list[np.ndarray]]:
    """What is wrong with the pictures, and groups of readable rows (by place) whose pictures look the same."""
    column = read.structure.images[0]
    names = [str(text) for text in read.table.column(column)]
    found = [
        Finding(kind="unreadable", row=row, image=names[row], why=f"{reason}: {message}")
        for row, (reason, message) in described.issues.items()
    ]
    place = {int(row): number for number, row in enumerate(described.good)}
    if not look:
        groups = described.near_duplicates(report)
        return found, [np.array([place[int(row)] for row in group if int(row) in place]) for group in groups]
    views, _, _ = resolve_pictures(
        read.table, read.structure.images, read.root, allow_outside=config.allow_outside_root
    )
    rows = [int(row) for row in described.good if views[row]]
    measured = measure_pictures([views[row][0] for row in rows], report)
    found += fault_findings(rows, [names[row] for row in rows], measured)
    return found, [np.array([place[rows[one]] for one in group]) for group in alike_pictures(measured)]


def _ranked(queue: list[Finding]) -> list[Finding]:
    """The most probably wrong first; then cells that nothing speaks against, by what they say; then pictures."""

    def place(one: Finding) -> tuple[Any, ...]:
        if one.chance is not None:
            return 0, -one.chance, one.kind, one.row, one.attribute
        return (1, one.kind, one.attribute, one.old, one.row) if one.attribute else (2, one.kind, one.row)

    return sorted(queue, key=place)


def queue_csv(queue: Sequence[Finding]) -> str:
    """The queue as CSV; text that a spreadsheet would run gets a quote in front.

    A person writes yes under `accept`, mends `new` where need be, and gives the file to `train --corrections`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in queue:
        chance = "" if one.chance is None else f"{one.chance:.3f}"
        cells = (one.image, one.attribute, one.old, one.new)
        writer.writerow(["", one.row + 1, *map(inert, cells), chance, one.kind, inert(one.why)])
    return text.getvalue()
