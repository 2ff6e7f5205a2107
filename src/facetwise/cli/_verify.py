"""`facetwise verify`: does an exported file decide as its run does?"""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Images, Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._proof import show_proof
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen
from facetwise.errors import BundleError

__all__ = ["verify"]


def verify(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `facetwise export` wrote.")],
    table: Annotated[
        Path | None, typer.Option("--table", metavar="TABLE", help="Labelled pictures to try it on; not the run's.")
    ] = None,
    images: Images = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Pictures at most.")] = 1000,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Compare an exported file with its run, decision by decision."""
    check_run(run)
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with stopping_on_signals(), Reporter(screen) as report:
        found = trained.verify(file, table=table, images=images, limit=limit, report=report)
    show_proof(screen, found)
    screen.document({"run": str(trained.path), "file": str(file), **found.to_dict()})
    if not found.holds:
        what = "\n".join(f"  {line}" for line in found.complaints)
        raise BundleError(f"{file} does not decide as {run} does:\n{what}\nFix: export it again")
