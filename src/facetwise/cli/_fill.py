"""`facetwise fill`: the same table, its empty cells filled, and beside them where each new value came from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetwise.cli._options import Checkpoint, Images, Json, Quiet
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_out, check_run
from facetwise.cli._screen import Screen, percent
from facetwise.errors import UserError

if TYPE_CHECKING:
    from facetwise.inference import Filled

__all__ = ["fill"]

# Columns that are named because their new cells are the least sure.
_LEAST_SURE = 3


def fill(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Table with gaps.")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="Run folder that `train` has written.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write: .csv, .tsv, .parquet or .jsonl.")],
    images: Images = None,
    min_confidence: Annotated[
        float,
        typer.Option(
            "--min-confidence", metavar="P", min=0.0, max=1.0, help="Leave what is less sure than this empty."
        ),
    ] = 0.0,
    checkpoint: Checkpoint = "best_score",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Fill the empty cells of a table, and touch nothing else."""
    if out.exists() and (not overwrite or out.resolve() == table.resolve()):
        same = out.resolve() == table.resolve()
        fix = "Name another file with --out FILE." if same else "Name another with --out FILE, or add --overwrite."
        raise UserError(f"{out} is {'the table itself' if same else 'there already'}. {fix}")
    check_out(out, (".csv", ".tsv", ".parquet", ".jsonl"), what="a filled table")
    check_run(run)
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with stopping_on_signals(), Reporter(screen) as report:
        filled = trained.fill(table, images=images, min_confidence=min_confidence, checkpoint=checkpoint, report=report)
    filled.write(out)
    counts = filled.counts
    empty = sum(counts.values()) - counts["kept"]
    share = f" ({counts['filled'] / empty:.0%})" if empty else ""
    screen.result(f"{len(filled):,} rows: {counts['filled']:,} of {empty:,} empty cells filled{share}.")
    _show_sureness(screen, filled)
    words = {
        "not_applicable": "do not apply",
        "unsure": f"are less sure than {min_confidence:g}",
        "no_class": "have none of the classes",
        "abstained": "are left open by the model",
        "unreadable": "belong to pictures that cannot be read",
    }
    for name, text in words.items():
        if counts[name]:
            screen.result(f"  {counts[name]:,} {text}")
    screen.result(f"Written to {out}; the column {filled.provenance!r} says where each new cell came from.")
    screen.document(
        {"run": str(trained.path), "out": str(out), "rows": len(filled), "cells": dict(counts),
         "provenance": filled.provenance,
         "sureness": {
             column: {"cells": one.cells, "expected_right": one.share, "below_half": one.doubtful}
             for column, one in filled.sureness.items()
         }}
    )  # fmt: skip


def _show_sureness(screen: Screen, filled: "Filled") -> None:
    """How many of the new cells are probably right, and where the doubtful ones are; numbers have no confidence."""
    from facetwise.inference import Sureness

    whole = sum(filled.sureness.values(), Sureness())
    if whole.share is None:
        return
    doubt = f"; {whole.doubtful:,} are below 0.5, --min-confidence 0.5 leaves them empty" if whole.doubtful else ""
    screen.result(f"  expected right by their own confidence: {percent(whole.share)}{doubt}")
    worst = sorted(filled.sureness.items(), key=lambda item: item[1].expected / item[1].cells)[:_LEAST_SURE]
    if len(filled.sureness) > 1:
        named = ", ".join(f"{column} {percent(one.share)} of {one.cells:,}" for column, one in worst)
        screen.result(f"  least sure: {named}")
