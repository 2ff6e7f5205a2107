"""`facetwise compare`: which of many configurations is better on this table, and which only looks it."""

from collections.abc import Mapping
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
from facetwise.cli._progress import Reporter, duration
from facetwise.cli._screen import Screen, number
from facetwise.errors import UserError, nearest

if TYPE_CHECKING:
    from facetwise.studies import Compared, Comparison

__all__ = ["compare"]

WHAT, HOW = "What varies", "How it is compared"
# Characters of the text chart, the baseline in the middle.
CHART = 17


def compare(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV or Parquet; one row per item.")],
    images: Images = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder of the comparison; continued.")] = Path(
        "runs/comparison"
    ),
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="KEY=A,B", rich_help_panel=WHAT, help="Any option and its values; several: a grid."
        ),
    ] = None,
    trunk: Annotated[
        str | None, typer.Option("--trunk", metavar="A,B", rich_help_panel=WHAT, help="Short for --vary trunk=A,B.")
    ] = None,
    balancing: Annotated[
        str | None,
        typer.Option("--balancing", metavar="A,B", rich_help_panel=WHAT, help="Short for --vary balancing=A,B."),
    ] = None,
    variants: Annotated[
        Path | None,
        typer.Option(
            "--variants", metavar="FILE", rich_help_panel=WHAT, help="YAML: NAME: {KEY: VALUE}, line by line."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            rich_help_panel=WHAT,
            help="fishnet-ladder; or fast, balanced, best beneath all variants.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", rich_help_panel=HOW, help="Trainings of each variant.")
    ] = 5,
    metric: Annotated[
        str, typer.Option("--metric", metavar="SCORE", rich_help_panel=HOW, help="On the test rows; as --select-by.")
    ] = "mean_macro_f1",
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME", rich_help_panel=HOW, help="Variant to compare with; the first."),
    ] = None,
    jobs: Jobs = 1,
    engine: Engine = None,
    address: Address = None,
    schema: SchemaFile = None,
    features: Annotated[Path | None, typer.Option("--features", metavar="FILE", help="Ready features, by row.")] = None,
    config: ConfigFile = None,
    recipe: Recipe = None,
    settings: Settings = None,
    device: Device = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Compare configurations on the same splits and seeds. Better, worse, or no significant difference."""
    from facetwise import studies
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    ladder, beneath = _preset(preset, studies.LADDERS)
    axes = [*(vary or ()), *(f"{key}={said}" for key, said in (("trunk", trunk), ("balancing", balancing)) if said)]
    with stopping_on_signals() as stop, Reporter(screen, then="training") as report:
        found = studies.compare(
            table,
            images=images,
            out=out,
            schema=schema,
            features=features,
            config=config,
            settings=settings or (),
            vary=axes,
            variants=variants,
            ladder=ladder,
            seeds=seeds,
            metric=metric,
            baseline=baseline,
            jobs=jobs,
            overwrite=overwrite,
            report=report,
            stop=stop,
            **given(recipe=recipe, preset=beneath, device=device, workers=workers, engine=engine, address=address),
        )
    _show(screen, found, studies.notes_of(found))
    screen.say()
    screen.say(f"{out / 'report.html'}, {out / 'table.csv'}, {out / 'result.json'}")
    screen.document({"out": str(out), **found.to_dict()})


def _preset(name: str | None, ladders: Mapping[str, object]) -> tuple[str | None, str | None]:
    """A ladder of variants, or values beneath all of them."""
    from facetwise.config import PRESETS

    if name is None or name in PRESETS:
        return None, name
    if name in ladders:
        return name, None
    raise UserError(f"this is no preset. Found {name!r}. Fix: {nearest(name, [*ladders, *PRESETS])}")


def _show(screen: Screen, found: "Comparison", notes: list[str]) -> None:
    reach = max((abs(end) for one in found.variants for end in (one.interval or (one.difference or 0.0,))), default=0.0)
    screen.result("")
    rows = [
        [one.name, number(one.mean), _signed(one.difference), _interval(one.interval), number(one.p_adjusted),
         _chart(one, reach or 1.0), one.verdict, "n/a" if one.seconds is None else duration(one.seconds),
         number(one.peak_megabytes, digits=0)]
        for one in found.variants
    ]  # fmt: skip
    heads = ["variant", "mean", "difference", "95 % interval", "p, corr.", f"±{reach:.3f}", "verdict", "time",
             "peak MB"]  # fmt: skip
    screen.table(heads, rows, right=(1, 2, 4, 7, 8))
    for one in found.variants:
        for error in one.errors:
            screen.warn(f"{one.name}: {error}")
    screen.say()
    for note in notes:
        screen.say(note)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:+.3f} … {interval[1]:+.3f}"


def _chart(one: "Compared", reach: float) -> str:
    """The difference as a dot on its interval, the baseline in the middle."""
    half = CHART // 2

    def at(value: float) -> int:
        return half + round(value / reach * half)

    cells = [" "] * CHART
    if one.interval is not None:
        low, high = map(at, one.interval)
        cells[low : high + 1] = "─" * (high - low + 1)
    cells[half] = "│"
    if one.difference is not None:
        cells[at(one.difference)] = "●"
    return "".join(cells)
