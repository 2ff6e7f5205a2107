"""`facetwise report`: a run as one page that opens anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen
from facetwise.errors import UserError

__all__ = ["report"]


def report(
    run: Run,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write; RUN/report.html if not given.")
    ] = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Write a run as one page. Scores, mistakes with their pictures, what to label next."""
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"a report is written as .html. Found {out.name!r}. Fix: --out {out.stem}.html")
    check_run(run)
    from facetwise import api

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with Reporter(screen) as told:
        path = trained.report(out, report=told)
    screen.result(f"Written to {path} ({path.stat().st_size / 1e6:.1f} MB)")
    screen.document({"run": str(trained.path), "report": str(path), "bytes": path.stat().st_size})
