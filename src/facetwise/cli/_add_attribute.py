"""`facetwise add-attribute`: one attribute more, every old answer the same to the last bit."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Images, Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number

__all__ = ["add_attribute"]

# What is shown of the metrics, where the kind has them.
SHOWN = (("macro_f1", "macro F1"), ("f1", "F1"), ("accuracy", "accuracy"), ("mae", "mean error"))


def add_attribute(
    run: Run,
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="The run's table with the new column; it may have more rows.")
    ],
    attribute: Annotated[str, typer.Option("--attribute", metavar="COLUMN", help="The new attribute.")],
    images: Images = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", metavar="FILE", help="Schema that declares it; without one its kind is read."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="The new run folder; RUN-grown if not given.")
    ] = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Teach a run a new attribute in seconds. Every old answer stays the same, and that is proved."""
    check_run(run)
    from facetwise import api

    screen = Screen(quiet=quiet, machine=machine)
    folder = run.with_name(f"{run.resolve().name}-grown") if out is None else out
    with Reporter(screen, then="training") as report:
        added = api.load(run).add_attribute(table, attribute, out=folder, images=images, schema=schema, report=report)
    classes = f", {added.classes} classes" if added.classes else ""
    cells = ", ".join(f"{count:,} {side}" for side, count in added.rows.items())
    told = [f"{label} {number(added.score[name])}" for name, label in SHOWN if added.score.get(name) is not None]
    screen.say()
    screen.result(f"added     {added.column} ({added.kind}{classes}), trained in {added.seconds:.1f} s; cells: {cells}")
    screen.result(f"{added.split:<9} {', '.join(told) or 'nothing is labelled'}")
    screen.result(f"proof     what is said of the old attributes, on {added.items:,} validation items (SHA-256)")
    screen.result(f"  before  {added.before}")
    screen.result(f"  after   {added.after}   the same, to the last bit")
    screen.result(f"run       {added.path}")
    screen.next(
        ["facetwise", "evaluate", added.path],
        ["facetwise", "predict", added.path, "new_photos/", "--out", "filled.csv"],
    )
    screen.document({**asdict(added), "path": str(added.path), "same": added.before == added.after})
