"""`facetwise suggest`: which pictures, and which of their cells, to label next?"""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Overwrite, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number
from facetwise.errors import UserError

__all__ = ["suggest"]

SHOWN = 15


def suggest(
    run: Run,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for suggestions.csv and suggestions.html.")
    ] = None,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="Pictures.")] = 50,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0)] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Rank the pictures whose labels would teach a run the most."""
    check_run(run)
    folder = out or run / "suggestions"
    if (folder / "suggestions.csv").exists() and not overwrite:
        raise UserError(f"{folder} holds suggestions already. Fix: --out FOLDER, or --overwrite")
    from facetwise import api, studies
    from facetwise.inference import write_text

    screen = Screen(quiet=quiet, machine=machine)
    with Reporter(screen) as report:
        trained = api.load(run)
        found = studies.suggest(trained, count=count, seed=seed, report=report)
    write_text(folder / "suggestions.csv", studies.suggestions_csv(found))
    write_text(folder / "suggestions.html", studies.suggestions_page(trained, found, studies.pictures_of(trained)))
    rows = [
        (one.row + 1, one.image, number(one.score, digits=2), ", ".join(f"{c} ({a}?)" for c, _, a, _ in one.cells))
        for one in found[:SHOWN]
    ]
    if rows:
        screen.table(["row", "picture", "open", "most telling cells"], rows, right=(0, 2))
        screen.result(f"{len(found):,} pictures: {folder / 'suggestions.csv'}, {folder / 'suggestions.html'}")
    else:
        screen.result("Every cell that applies is filled: there is nothing to suggest. `facetwise audit` checks them.")
    screen.document(
        {
            "suggestions": [
                {"row": one.row + 1, "image": one.image, "score": one.score,
                 "cells": [{"attribute": c, "uncertainty": u, "model": a, "old": o} for c, u, a, o in one.cells]}
                for one in found
            ],
        }
    )  # fmt: skip
