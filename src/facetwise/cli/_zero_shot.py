"""`facetwise zero-shot`: a run whose heads are class names."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Images, Json, Quiet, Settings
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen, number, percent

__all__ = ["zero_shot"]


def zero_shot(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A table, labelled or not, or a folder of pictures.")
    ],
    schema: Annotated[
        Path, typer.Option("--schema", metavar="FILE", help="Attributes, classes and, if wanted, their prompts.")
    ],
    backbone: Annotated[
        str,
        typer.Option("--backbone", metavar="NAME", help="One that was trained with words: open_clip:MODEL/TRAINING."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The run folder to write.")],
    images: Images = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Its weights, where they are a local file.")
    ] = None,
    margin: Annotated[
        float,
        typer.Option("--margin", metavar="X", help="Leave open what is less than this share above chance; 0: nothing."),
    ] = 0.2,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the heads further, on the labels of the table.")
    ] = False,
    settings: Settings = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Fill in attributes from class names alone. With a model that reads pictures and words."""
    from facetwise import studies
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    with stopping_on_signals() as stop, Reporter(screen, then="training" if train else "") as report:
        made = studies.zero_shot(
            source, schema=schema, backbone=backbone, out=out, images=images, weights=weights, margin=margin,
            train=train, settings=settings or (), report=report, stop=stop,
        )  # fmt: skip
    screen.say()
    if made.left_out:
        screen.result(f"left out  {', '.join(made.left_out)}: words cannot tell numbers")
    screen.result(
        f"words     {made.texts:,} texts for {made.items:,} pictures; {percent(made.given)} of the cells answered"
    )
    if made.labelled:
        screen.result(
            f"{made.split:<9} macro F1 {number(made.macro_f1)}, accuracy {number(made.accuracy)} "
            f"on {made.labelled:,} labelled cells"
        )
    else:
        screen.result("quality   not known: no cell is labelled")
    screen.result(f"run       {made.path}")
    screen.next(
        ["facetwise", "predict", made.path, "new_photos/", "--out", "filled.csv"],
        ["facetwise", "evaluate", made.path],
    )
    screen.document({**asdict(made), "path": str(made.path)})
