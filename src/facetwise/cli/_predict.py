"""`facetwise predict`: a value, an open question or 'does not apply' for every attribute of every picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._answers import ABSTAINED, NOT_APPLICABLE, VALUE, answer, show_answers, show_rules
from facetwise.cli._options import (
    Address,
    Checkpoint,
    Engine,
    Images,
    Json,
    Processes,
    Quiet,
    Run,
    Shard,
    listed,
)
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
    explain: Annotated[
        list[str] | None,
        typer.Option(
            "--explain", metavar="A,B", help="Of the gallery: draw where these attributes' answers come from."
        ),
    ] = None,
    checkpoint: Checkpoint = "best_score",
    shard: Shard = None,
    processes: Processes = None,
    engine: Engine = None,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Fill in the attributes of new pictures."""
    if explain and (gallery is None or gallery.suffix.lower() == ".png"):
        found = "no gallery" if gallery is None else gallery.name
        raise UserError(f"regions are drawn on a gallery's page. Found {found}. Fix: --gallery FILE.html")
    if shard is not None:
        beside = {"--processes": processes, "--engine": engine, "--address": address}
        if found := ", ".join(name for name, value in beside.items() if value is not None):
            raise UserError(f"--shard is one task of many. Found it with {found}. Fix: leave one of them away")
        _predict_shard(
            run, source, shard, images=images, out=out, given=listed(given) or (), sets=sets, checkpoint=checkpoint,
            overwrite=overwrite, gallery=gallery, screen=Screen(quiet=quiet, machine=machine),
        )  # fmt: skip
        return
    for option, file in (("--out", out), ("--gallery", gallery)):
        if file is not None and file.exists() and not overwrite:
            raise UserError(f"{file} is there already. Name another with {option} FILE, or add --overwrite.")
    if gallery is not None and gallery.suffix.lower() not in (".html", ".htm", ".png"):
        raise UserError(f"a gallery is written as .html or .png. Found {gallery.name!r}. Fix: choose one")
    if out is not None:
        check_out(out, (".csv", ".parquet", ".jsonl"), what="a table of predictions")
    check_run(run)
    from facetwise import api
    from facetwise.runs import check_explained
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    check_explained(trained.schema, listed(explain) or ())
    asked = source[0] if len(source) == 1 else source
    with stopping_on_signals(), Reporter(screen) as report:
        predictions = trained.predict(
            asked, images=images, given=listed(given) or (), sets=sets, checkpoint=checkpoint,
            processes=processes or 0, engine=engine or "local", address=address, report=report,
        )  # fmt: skip
        if gallery is not None:
            shown = trained.write_gallery(
                gallery, predictions, asked, images=images, classes=classes, per_class=per_class,
                explain=listed(explain) or (), checkpoint=checkpoint, report=report,
            )  # fmt: skip
    columns = [attribute.column for attribute in trained.schema.attributes]
    if out is not None:
        predictions.write(out)
    counts = predictions.counts()
    if not (quiet and out is not None):
        show_answers(screen, predictions.rows, columns)
    screen.say("?  the model abstains    -  does not apply")
    screen.say()
    unreadable = f"; {counts['unreadable']:,} pictures unreadable" if counts["unreadable"] else ""
    screen.result(
        f"{len(predictions.rows):,} pictures: {counts[VALUE]:,} values, {counts[ABSTAINED]:,} abstentions, "
        f"{counts[NOT_APPLICABLE]:,} not applicable{unreadable}."
    )
    # Without given cells nothing is contradicted, and a million rows need not be made to find out.
    against = [(row["image"], column, row[column]) for row in (predictions.rows if given else ()) for column in columns
               if row["issue"] is None and row[column].given == "contradicted"]  # fmt: skip
    for image, column, cell in against[:CONTRADICTIONS_SHOWN]:
        screen.result(f"  the picture contradicts {image}: {column} = {answer(cell)}")
    if len(against) > CONTRADICTIONS_SHOWN:
        screen.result(f"  and {len(against) - CONTRADICTIONS_SHOWN:,} more cells that the pictures contradict")
    show_rules(screen, predictions.rules)
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
            "rules": [
                {"rule": str(one.rule), "declared": one.declared, "repaired": one.repaired, "left": one.left}
                for one in predictions.rules
            ],
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
                for row in (predictions.rows if screen.machine else ())
            ],
        }
    )


def _predict_shard(
    run: Path,
    source: list[Path],
    text: str,
    *,
    images: Path | None,
    out: Path | None,
    given: Sequence[str],
    sets: bool,
    checkpoint: str,
    overwrite: bool,
    gallery: Path | None,
    screen: Screen,
) -> None:
    """One part of the pictures, to a file of its own; nothing, where that was done already."""
    if out is None or gallery is not None:
        raise UserError("a shard is written to a file of its own. Fix: add --out FILE, and leave --gallery away")
    check_out(out, (".csv", ".parquet", ".jsonl"), what="a table of predictions")
    check_run(run)
    from facetwise import api
    from facetwise.features import Shard as Part
    from facetwise.runs import predict_shard, shard_file
    from facetwise.training import stopping_on_signals

    trained, part = api.load(run), Part.parse(text)
    asked = source[0] if len(source) == 1 else source
    with stopping_on_signals(), Reporter(screen) as report:
        found = predict_shard(
            trained, asked, part, out, images=images, given=given, sets=sets, checkpoint=checkpoint,
            overwrite=overwrite, report=report,
        )  # fmt: skip
    path = shard_file(out, part)
    if found is None:
        screen.result(f"Shard {part} was there: {path}")
    else:
        screen.result(f"{len(found.rows):,} pictures of shard {part} written to {path}")
    screen.document({"run": str(trained.path), "shard": str(part), "out": str(path),
                     "rows": None if found is None else len(found.rows)})  # fmt: skip
