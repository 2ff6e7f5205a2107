"""`facetwise extract`: the features of many pictures, computed once."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import (
    Address,
    Device,
    Engine,
    Images,
    Json,
    Processes,
    Quiet,
    Settings,
    Shard,
    Workers,
    given,
)
from facetwise.cli._progress import Reporter, duration
from facetwise.cli._screen import Screen

__all__ = ["extract"]

# A folder of ten thousand broken pictures is told by counts; so many lines still show what is wrong with them.
PROBLEMS_SHOWN = 20


def extract(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A table or a folder of pictures.")],
    images: Images = None,
    backbone: Annotated[str | None, typer.Option("--backbone", metavar="NAME", help="The feature extractor.")] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Its weights from a file of your own.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="FOLDER", help="Where features are kept between runs.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Also write one array: .npy or .safetensors.")
    ] = None,
    levels: Annotated[
        str | None, typer.Option("--levels", metavar="NAMES", help="Depths for --to: all or last.")
    ] = None,
    settings: Settings = None,
    device: Device = None,
    workers: Workers = None,
    shard: Shard = None,
    processes: Processes = None,
    engine: Engine = None,
    address: Address = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Compute the features of pictures once, and keep them."""
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    with stopping_on_signals(), Reporter(screen) as report:
        summary = api.extract(
            source,
            images=images,
            settings=settings or (),
            report=report,
            **given(
                backbone=backbone,
                weights=weights,
                cache=cache,
                to=to,
                levels=levels,
                device=device,
                workers=workers,
                shard=shard,
                processes=processes,
                engine=engine,
                address=address,
            ),
        )
    for image, reason, message in summary.problems[:PROBLEMS_SHOWN]:
        screen.warn(f"{image}: {message} ({reason})")
    if len(summary.problems) > PROBLEMS_SHOWN:
        reasons = Counter(reason for _, reason, _ in summary.problems).most_common()
        screen.warn(
            f"... in all {len(summary.problems):,}: {', '.join(f'{count:,} {reason}' for reason, count in reasons)}; "
            "--json lists every one"
        )
    rate = f", {summary.rate:.1f} pictures/s" if summary.computed and summary.rate else ""
    unreadable = f", {len(summary.problems)} unreadable" if summary.problems else ""
    screen.result(
        f"{summary.images:,} pictures: {summary.computed:,} computed in {duration(summary.seconds)}{rate}, "
        f"{summary.images - summary.computed - len(summary.problems):,} were there{unreadable}."
    )
    if summary.path is not None:
        screen.result(f"Features in {summary.path}")
        screen.next(["facetwise", "train", source, "--features", to, "--out", "runs/first"])
    screen.document(
        {
            "images": summary.images,
            "computed": summary.computed,
            "problems": [
                {"image": str(image), "reason": reason, "message": message}
                for image, reason, message in summary.problems
            ],
            "seconds": summary.seconds,
            "rate": summary.rate,
            "path": None if summary.path is None else str(summary.path),
        }
    )
