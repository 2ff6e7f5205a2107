"""`facetwise predict`: a value, an open question or 'does not apply' for every attribute of every picture."""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._answers import ABSTAINED, NOT_APPLICABLE, VALUE, answer, count_states, show_answers
from facetwise.cli._options import Checkpoint, Images, Json, Quiet, Run, listed
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_out, check_run
from facetwise.cli._screen import Screen
from facetwise.errors import UserError

__all__ = ["predict"]

# The file of --out has all of them.
CONTRADICTIONS_SHOWN = 5


def predict(
    run: Run,
    source: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Pictures, a folder of them, or a table.")],
    images: Images = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write: .csv, .parquet or .jsonl.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--given", metavar="A,B", help="Columns of the table that are believed; they condition the rest."),
    ] = None,
    sets: Annotated[
        bool, typer.Option("--sets", help="Tell sets of classes and intervals of numbers too, by the run's coverage.")
    ] = False,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", metavar="FILE", help="Pictures with the answers: .html or .png.")
    ] = None,
    classes: Annotated[int, typer.Option("--classes", metavar="N", min=1, help="Of the gallery: classes shown.")] = 20,
    per_class: Annotated[
        int, typer.Option("--per-class", metavar="N", min=1, help="Of the gallery: pictures of each class.")
    ] = 3,
    checkpoint: Checkpoint = "best_score",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Fill in the attributes of new pictures."""
    for option, file in (("--out", out), ("--gallery", gallery)):
        if file is not None and file.exists() and not overwrite:
            raise UserError(f"{file} is there already. Name another with {option} FILE, or add --overwrite.")
    if gallery is not None and gallery.suffix.lower() not in (".html", ".htm", ".png"):
        raise UserError(f"a gallery is written as .html or .png. Found {gallery.name!r}. Fix: choose one")
    if out is not None:
        check_out(out, (".csv", ".parquet", ".jsonl"), what="a table of predictions")
    check_run(run)
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    asked = source[0] if len(source) == 1 else source
    with stopping_on_signals(), Reporter(screen) as report:
        predictions = trained.predict(
            asked, images=images, given=listed(given) or (), sets=sets, checkpoint=checkpoint, report=report
        )
    columns = [attribute.column for attribute in trained.schema.attributes]
    if out is not None:
        predictions.write(out)
    if gallery is not None:
        shown = trained.write_gallery(gallery, predictions, asked, images=images, classes=classes, per_class=per_class)
    counts = count_states(predictions.rows, columns)
    if not (quiet and out is not None):
        show_answers(screen, predictions.rows, columns)
    screen.say("?  the model abstains    -  does not apply")
    screen.say()
    unreadable = f"; {counts['unreadable']:,} pictures unreadable" if counts["unreadable"] else ""
    screen.result(
        f"{len(predictions.rows):,} pictures: {counts[VALUE]:,} values, {counts[ABSTAINED]:,} abstentions, "
        f"{counts[NOT_APPLICABLE]:,} not applicable{unreadable}."
    )
    against = [(row["image"], column, row[column]) for row in predictions.rows for column in columns
               if row["issue"] is None and row[column].given == "contradicted"]  # fmt: skip
    for image, column, cell in against[:CONTRADICTIONS_SHOWN]:
        screen.result(f"  the picture contradicts {image}: {column} = {answer(cell)}")
    if len(against) > CONTRADICTIONS_SHOWN:
        screen.result(f"  and {len(against) - CONTRADICTIONS_SHOWN:,} more cells that the pictures contradict")
    if gallery is not None:
        screen.result(f"{shown:,} pictures in {gallery}")
    if out is not None:
        screen.result(f"Written to {out}")
    else:
        screen.next(["facetwise", "predict", run, *source[:3], "--out", "filled.csv"])
    screen.document(
        {
            "run": str(trained.path),
            "out": str(out) if out else None,
            "counts": {name: counts[name] for name in (VALUE, ABSTAINED, NOT_APPLICABLE, "unreadable")},
            "rows": [
                {
                    "image": str(row["image"]),
                    "issue": row["issue"],
                    "cells": {
                        column: {
                            "value": row[column].value,
                            "state": row[column].state,
                            "confidence": row[column].confidence,
                            **{tail: row[column].told(tail) for tail in predictions.extras.get(column, ())},
                        }
                        for column in columns
                        if row["issue"] is None
                    },
                }
                for row in predictions.rows
            ],
        }
    )
