"""`facetwise diff`: what changed between two runs, and what became of their answers."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number, percent

__all__ = ["diff"]


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Run folder.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Another run folder.")],
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Say what changed between two runs. Data, schema, configuration, scores, answers."""
    check_run(before)
    check_run(after)
    from facetwise import studies

    screen = Screen(quiet=quiet, machine=machine)
    found = studies.diff(before, after)
    if found.same:
        screen.result("Nothing differs: data, schema, configuration, packages, scores and answers are the same.")
    for title, lines in (
        ("Data", found.data),
        ("Schema", found.schema),
        ("Configuration", [f"{key}: {old!r} → {new!r}" for key, (old, new) in found.config.items()]),
        ("Environment", [f"{key}: {old!r} → {new!r}" for key, (old, new) in found.environment.items()]),
    ):
        if lines:
            screen.title(title)
            for line in lines:
                screen.result(f"  {line}")
    if not found.same:
        screen.title("Scores and answers")
        rows = [
            [each.column, each.metric, number(each.before), number(each.after), each.shared, each.changed, each.mended,
             each.broken, percent(each.gain) if each.gain is not None else "n/a", each.verdict]
            for each in found.attributes
        ]  # fmt: skip
        heads = [
            "attribute",
            "metric",
            "before",
            "after",
            "shared cells",
            "changed",
            "mended",
            "broken",
            "gain",
            "verdict",
        ]
        screen.table(heads, rows, right=range(2, 9))
        screen.say()
        screen.say(
            "before, after: each run on its own test rows. The verdict rests on cells that both runs answered: mended "
            "less broken, with a 95 % interval over groups of items."
        )
    screen.document(
        {
            "before": str(found.before), "after": str(found.after), "same": found.same, "data": found.data,
            "schema": found.schema, "config": found.config, "environment": found.environment,
            "attributes": [
                {**asdict(each), "verdict": each.verdict}
                for each in found.attributes
            ],
        }
    )  # fmt: skip
