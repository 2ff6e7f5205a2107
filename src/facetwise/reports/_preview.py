"""What a training is about to learn from, as one page: counts, complaints, and a batch as the model sees it.

After the habit of showing a batch before training: fast.ai's `show_batch`, and the first batches and the label counts
that detectors' training folders hold. Theirs are pictures to look at; this is text that can be searched, and it says
of every cell whether it has a value, is unknown or does not apply.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PureWindowsPath  # takes both slashes

import numpy as np

from facetwise.data import Split, Table
from facetwise.images import REASONS
from facetwise.reports._cards import cards_style
from facetwise.reports._counts import SIDES, count_cells
from facetwise.reports._histograms import HISTOGRAM_STYLE, histograms, overview
from facetwise.reports._page import page, text
from facetwise.reports._thumbnails import SIDE, Pictures, Thumbnail, draw_batch, thumbnails
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Labels, Schema

__all__ = ["preview_page"]

# Unreadable pictures that are named; all of them are in `issues.parquet`.
MOST_NAMED = 12
_FIRST_NOTICES, MOST_NOTICES = 6, 500
# Values that a picture shows without being opened, and cells that it lists at all.
_AT_A_GLANCE, _MOST_CELLS = 8, 120

_STYLE = (
    cards_style("batch", least=10.5, side=SIDE)
    + """
.unknown-cell { color: var(--soft); font-style: italic; } .absent-cell { color: var(--soft); }
"""
)


def _row(number: int | str) -> str:
    """A row as a person counts it; of a separate test table it names that."""
    return text(f"row {number:,}" if isinstance(number, int) else f"row {number}")


def preview_page(
    table: Table,
    schema: Schema,
    *,
    split: Split,
    rows: np.ndarray,
    labels: Labels,
    issues: Mapping[int, tuple[str, str]],
    view_issues: Mapping[tuple[int, int], tuple[str, str]],
    notices: Sequence[str] = (),
    pictures: Pictures | None = None,
    seed: int = 0,
) -> str:
    """The page; the same bytes for the same table, pictures and seed.

    Args:
        table: The whole table.
        schema: The vocabulary, from training rows.
        split: Sides of the rows that are kept.
        rows: (kept row,) the row of the table.
        labels: Labels of the kept rows.
        issues: Row of the table → (reason, message), of rows without a readable picture.
        view_issues: (row of the table, which of its pictures) → (reason, message).
        notices: What the user should know.
        pictures: How pictures are read; None where features were given in their place.
        seed: Decides which training pictures are shown.
    """
    counts = Counter(split.side.tolist())
    sides = ", ".join(f"{counts[side]:,} {side}" for side in SIDES)
    left = f"; {len(issues):,} of {len(table):,} without a readable picture, left out" if issues else ""
    found = count_cells(schema, labels, split.side)
    body = [
        f"<h1>{text(PureWindowsPath(table.name).name or table.name)}</h1>",
        f'<p>{len(rows):,} items: {sides}<span class="soft">{left}</span></p>',
        f'<p class="small soft">What the training is about to learn from. Table: {text(table.name, longest=400)}. '
        f"Split: {text(split.how, longest=400)}</p>",
        _notices(notices),
        _unreadable(table, schema, issues, view_issues),
    ]
    if pictures is not None:
        batch = draw_batch(split.rows("train"), seed=seed)
        shown = thumbnails(table, schema, rows, batch, pictures, bad=view_issues)
        body.append(_batch(table, schema, rows, labels, shown, pictures, missed=len(batch) - len(shown)))
    plural = "attribute" if len(found) == 1 else "attributes"
    body += [f"<h2>{len(found):,} {plural}</h2>", overview(found), "<h2>Classes</h2>"]
    body += ['<p class="small soft">Bars count training rows.</p>', histograms(found)]
    return page(f"before training on {table.name}", "\n".join(filter(None, body)), style=HISTOGRAM_STYLE + _STYLE)


def _notices(notices: Sequence[str]) -> str:
    """The first few in full, the others behind a line that opens: a wide table has a hundred."""
    if not notices:
        return ""
    lines = [f"<li>{text(said, longest=600)}</li>" for said in notices[:MOST_NOTICES]]
    told = f'<h2>Worth knowing</h2><ul class="small">{"".join(lines[:_FIRST_NOTICES])}</ul>'
    if rest := lines[_FIRST_NOTICES:]:
        more = len(notices) - MOST_NOTICES
        left = f"<li>{more:,} more were told when the run began</li>" if more > 0 else ""
        told += (
            f'<details class="small"><summary>{len(notices) - _FIRST_NOTICES:,} more</summary>'
            f"<ul>{''.join(rest)}{left}</ul></details>"
        )
    return told


def _unreadable(
    table: Table,
    schema: Schema,
    issues: Mapping[int, tuple[str, str]],
    view_issues: Mapping[tuple[int, int], tuple[str, str]],
) -> str:
    """Reasons with their counts, and the first few names."""
    found = [(row, *issue) for (row, _), issue in view_issues.items()] or [(row, *own) for row, own in issues.items()]
    if not found:
        return ""
    reasons = Counter(reason for _, reason, _ in found)
    lines = "".join(
        f'<tr><td class="number">{count:,}</td><td>{text(reason)}</td><td>{text(REASONS.get(reason, ""))}</td></tr>'
        for reason, count in reasons.most_common()
    )
    column = schema.images[0] if schema.images and schema.images[0] in table.cells else None
    named = [row for row, _, _ in found[:MOST_NAMED]]
    cells = [""] * len(named) if column is None else table.take(np.array(named)).column(column).tolist()
    numbers = table.row_numbers(np.array(named))
    examples = "".join(
        f"<li>{_row(number)}: {text(cell) if cell else 'no name'} "
        f'<span class="soft">{text(reason)}, {text(message, longest=200)}</span></li>'
        for number, cell, (_, reason, message) in zip(numbers, cells, found[:MOST_NAMED], strict=True)
    )
    more = len(found) - len(named)
    rest = f"<li>{more:,} more, all in issues.parquet</li>" if more else ""
    what = "picture that cannot be read" if len(found) == 1 else "pictures that cannot be read"
    return (
        f'<h2 class="warn">{len(found):,} {what}</h2><div class="wide"><table><tbody>{lines}</tbody></table></div>'
        f'<ul class="small">{examples}{rest}</ul>'
    )


def _value(schema: Schema, labels: Labels, place: int, attribute: Attribute, row: int) -> str:
    if attribute.kind is Kind.NUMERIC:
        return f"{labels.number[row, place]:.6g} {attribute.unit}".strip()
    if attribute.kind is Kind.MULTILABEL:
        members = labels.members[row, schema.layout().blocks[place].scores]
        return " | ".join(attribute.classes[one] for one in np.flatnonzero(members)) or "none of them"
    return attribute.classes[labels.index[row, place]]


def _cells(schema: Schema, labels: Labels, row: int) -> str:
    """The values of one item, then which attributes are unknown and which do not apply."""
    valued, unknown, absent = [], [], []
    for place, attribute in enumerate(schema.attributes):
        state, name = labels.state[row, place], text(attribute.column)
        if state == VALUE:
            said = text(_value(schema, labels, place, attribute, row))
            valued.append(f"<dt>{name}</dt><dd>{said}</dd>")
        else:
            (absent if state == NOT_APPLICABLE else unknown).append(name)
    told = f"<dl>{''.join(valued[:_AT_A_GLANCE])}</dl>"
    if more := valued[_AT_A_GLANCE:_MOST_CELLS]:
        left = len(valued) - _MOST_CELLS
        rest = f"<p>{left:,} more are not listed</p>" if left > 0 else ""
        told += (
            f"<details><summary>{len(valued) - _AT_A_GLANCE:,} more</summary><dl>{''.join(more)}</dl>{rest}</details>"
        )
    for style, sign, word, names in (("unknown", "?", "unknown", unknown), ("absent", "–", "not applicable", absent)):
        if names:
            left = f" and {len(names) - _MOST_CELLS:,} more" if len(names) > _MOST_CELLS else ""
            told += (
                f'<details class="{style}-cell"><summary>{sign} {len(names):,} {word}</summary>'
                f"{', '.join(names[:_MOST_CELLS])}{left}</details>"
            )
    return told


def _batch(
    table: Table,
    schema: Schema,
    rows: np.ndarray,
    labels: Labels,
    shown: Sequence[Thumbnail],
    pictures: Pictures,
    *,
    missed: int,
) -> str:
    """Pictures with their labels."""
    items = []
    for one, number in zip(shown, table.row_numbers(rows[[one.place for one in shown]]), strict=True) if shown else ():
        views = f", first of {one.views} pictures" if one.views > 1 else ""
        items.append(
            f'<article class="item"><img src="{one.data}" width="{SIDE}" height="{SIDE}" alt="row {text(str(number))}">'
            f'<span class="soft">{_row(number)}{views}</span>{_cells(schema, labels, one.place)}</article>'
        )
    how = f"As the backbone reads them: {pictures.size} x {pictures.size} pixels, {text(pictures.fit)}"
    how += ", only the part in the box of each row." if schema.box else "."
    lost = f'<p class="warn">{missed:,} of {len(shown) + missed:,} cannot be shown.</p>' if missed else ""
    return (
        f"<h2>{len(shown):,} training pictures</h2>"
        f'<p class="small soft">{how} Drawn by the seed. Names below a picture open.</p>{lost}'
        f'<div class="batch">\n{chr(10).join(items)}\n</div>'
    )
