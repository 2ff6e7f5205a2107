"""`facetwise soup`: checkpoints or runs averaged into one model, where validation says that it is better."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number

__all__ = ["soup"]


def soup(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="One run, whose checkpoints are averaged, or several of one kind."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The new run folder to write.")],
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Average a run's checkpoints, or several runs. As far as validation says that it helps."""
    for run in runs:
        check_run(run)
    from facetwise import studies

    screen = Screen(quiet=quiet, machine=machine)
    with Reporter(screen) as report:
        made = studies.soup(runs, out=out, report=report)
    rows = [
        [one.name, number(one.score), number(one.together) if one.together is not None else "", _word(one.taken)]
        for one in made.ingredients
    ]
    screen.table(["model", "alone", "average with it", ""], rows, right=(1, 2))
    screen.say(f"scores: {made.select_by} on {made.items:,} validation items, before thresholds")
    if made.written:
        taken = sum(one.taken for one in made.ingredients)
        screen.result(f"The average of {taken} is better: {number(made.best)} → {number(made.score)} on validation")
        screen.result(f"{made.split:<9} macro F1 {number(made.test[0])} → {number(made.test[1])}")
        screen.result(f"run       {made.path}")
        screen.next(["facetwise", "evaluate", made.path])
    else:
        screen.result(f"No average is better than the best single model, which stays: {made.ingredients[0].name}")
        screen.result("Nothing was written.")
    screen.document({**asdict(made), "path": str(made.path)})


def _word(taken: bool) -> str:
    return "taken" if taken else "left out"
