"""`facetwise sweep`: search for a better configuration, judged on validation rows alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetwise.cli._options import (
    Address,
    ConfigFile,
    Device,
    Engine,
    Images,
    Jobs,
    Json,
    Overwrite,
    Quiet,
    Recipe,
    SchemaFile,
    Settings,
    Workers,
    given,
)
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen, number
from facetwise.errors import UserError, nearest

if TYPE_CHECKING:
    from facetwise.studies import Sweep

__all__ = ["sweep"]

WHAT = "What is searched"
# Of the trials, so many of the best are shown.
SHOWN = 10


def sweep(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV or Parquet; one row per item.")],
    images: Images = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder of the sweep; continued.")] = Path(
        "runs/sweep"
    ),
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            metavar="KEY=VALUES",
            rich_help_panel=WHAT,
            help="A,B or LOW..HIGH or log:LOW..HIGH; repeatable.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME", rich_help_panel=WHAT, help="fishnet: its grid; or fast, balanced, best beneath."
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", metavar="N", rich_help_panel=WHAT, help="How many, in all.")] = 50,
    jobs: Jobs = 1,
    engine: Engine = None,
    address: Address = None,
    schema: SchemaFile = None,
    features: Annotated[Path | None, typer.Option("--features", metavar="FILE", help="Ready features, by row.")] = None,
    select_by: Annotated[
        str | None, typer.Option("--select-by", metavar="SCORE", help="Validation score that decides.")
    ] = None,
    config: ConfigFile = None,
    recipe: Recipe = None,
    settings: Settings = None,
    device: Device = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Search for a better configuration. The test rows are looked at for the winner alone."""
    from facetwise import studies
    from facetwise.config import PRESETS
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    if preset is not None and preset not in {**PRESETS, **studies.SPACES}:
        fix = nearest(preset, [*studies.SPACES, *PRESETS])
        raise UserError(f"this is no preset. Found {preset!r}. Fix: {fix}")
    with stopping_on_signals() as stop, Reporter(screen, then="training") as report:
        found = studies.sweep(
            table,
            out=out,
            search=search or (),
            space=preset if preset in studies.SPACES else None,
            trials=trials,
            jobs=jobs,
            images=images,
            schema=schema,
            features=features,
            config=config,
            settings=settings or (),
            overwrite=overwrite,
            report=report,
            stop=stop,
            **given(
                recipe=recipe,
                preset=preset if preset in PRESETS else None,
                select_by=select_by,
                device=device,
                workers=workers,
                engine=engine,
                address=address,
            ),
        )
    _show(screen, found)
    where = [] if images is None else ["--images", images]
    screen.next(["facetwise", "train", table, *where, "--config", out / "best.yaml"])
    screen.document({"out": str(out), **found.to_dict()})


def _show(screen: Screen, found: "Sweep") -> None:
    screen.result("")
    ranked = sorted(found.trials, key=lambda one: (one.score is None, -(one.score or 0.0), one.number))
    rows = [[one.number, number(one.score), one.epochs, one.state, ", ".join(one.settings)] for one in ranked[:SHOWN]]
    screen.table(["trial", f"validation {found.select_by}", "epochs", "state", "settings"], rows, right=(0, 1, 2))
    pruned = sum(one.state == "pruned" for one in found.trials)
    screen.say(f"{len(found.trials)} trials, {pruned} of them pruned")
    screen.result(
        f"best: trial {found.best.number}, {found.select_by} {number(found.validation)} on validation, "
        f"{number(found.test)} on test"
    )
    if found.looks > 1:
        screen.warn(f"the test rows have been shown to {found.looks} winners of this sweep; they begin to select")
