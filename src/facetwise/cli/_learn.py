"""`facetwise learn`: a new class from a handful of pictures, without training."""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen

__all__ = ["learn"]


def learn(
    run: Run,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Pictures of the class; five will do.")],
    attribute: Annotated[str, typer.Option("--attribute", metavar="COLUMN", help="The attribute.")],
    name: Annotated[str, typer.Option("--class", metavar="NAME", help="The new class.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The new run folder to write.")],
    parent: Annotated[
        str | None,
        typer.Option("--parent", metavar="NAME", help="The class of the coarser attribute, if there is one."),
    ] = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Teach a run a new class from a few pictures. Without training."""
    check_run(run)
    from facetwise import api

    screen = Screen(quiet=quiet, machine=machine)
    with Reporter(screen) as report:
        grown = api.load(run).learn(attribute, name, pictures, out=out, parent=parent, report=report)
    screen.result(f"{attribute} knows {name} from {len(pictures)} pictures: {grown.path}")
    screen.next(["facetwise", "predict", grown.path, "new_photos/", "--out", "filled.csv"])
    screen.document({"run": str(grown.path), "attribute": attribute, "class": name, "pictures": len(pictures)})
