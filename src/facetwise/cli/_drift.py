"""`facetwise drift`: is new data still of the kind that the run was trained on?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Images, Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number, percent

__all__ = ["drift"]


def drift(
    run: Run,
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="New table, with or without labels.")],
    images: Images = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Compare new data with the data that a run was trained on."""
    check_run(run)
    from facetwise import api, studies
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with stopping_on_signals(), Reporter(screen) as report:
        found = studies.drift(trained, table, images=images, report=report)
    unreadable = f", {found.unreadable:,} without a readable picture" if found.unreadable else ""
    screen.result(f"{found.items:,} rows{unreadable}")
    screen.result(
        f"pictures: {'of another kind' if found.other_pictures else 'of the same kind'}: told apart from the training "
        f"pictures with area {number(found.pictures)}; validation pictures {number(found.pictures_floor)} "
        "(0.5 = not at all, 1 = always)"
    )
    screen.title("Attributes")
    rows = [
        [each.column, each.verdict, number(each.labels), number(each.answers),
         f"{each.unseen[0]:,}" + (f": {', '.join(each.unseen[1])}" if each.unseen[1] else ""),
         "n/a" if each.filled is None else " → ".join(map(percent, each.filled)),
         "n/a" if each.confidence is None else " → ".join(map(number, each.confidence))]
        for each in found.attributes
    ]  # fmt: skip
    screen.table(
        ["attribute", "verdict", "labels", "answers", "cells of unseen classes", "filled", "confidence"], rows,
        right=(2, 3),
    )  # fmt: skip
    screen.say()
    screen.say(
        "labels, answers: stability index of the table's values against the training rows, and of the model's answers "
        "against its answers on validation; from 0.1 moderate, from 0.25 large, and only beyond chance."
    )
    screen.document(
        {
            "run": str(trained.path), "items": found.items, "unreadable": found.unreadable,
            "pictures": found.pictures, "pictures_floor": found.pictures_floor,
            "other_pictures": found.other_pictures,
            "attributes": [
                {**asdict(each), "verdict": each.verdict}
                for each in found.attributes
            ],
        }
    )  # fmt: skip
