"""`facetwise verify`: does an exported file decide as its run does?"""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Images, Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._proof import show_proof
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen
from facetwise.cli._tokens import TokenEnv, TokenFile, read_token
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
    against: Annotated[
        str | None, typer.Option("--against", metavar="URL", help="Ask a running server of FILE instead.")
    ] = None,
    token_file: TokenFile = None,
    token_env: TokenEnv = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Compare an exported file, or a server of it, with its run. Decision by decision."""
    token = read_token(token_file, token_env)
    check_run(run)
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with stopping_on_signals(), Reporter(screen) as report:
        found = trained.verify(
            file, table=table, images=images, limit=limit, against=against, token=token, report=report
        )
    show_proof(screen, found, most=None)
    screen.document({"run": str(trained.path), "file": str(file), "against": against, **found.to_dict()})
    if not found.holds:
        what = "\n".join(f"  {line}" for line in found.complaints)
        raise BundleError(f"{against or file} does not decide as {run} does:\n{what}\nFix: export it again")
