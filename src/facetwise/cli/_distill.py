"""`facetwise distill`: large runs into a small one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet, Settings
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen, number, percent

__all__ = ["distill"]


def distill(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Teachers: one run, or several with one split, which are averaged."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The student's run folder to write.")],
    student: Annotated[
        str | None, typer.Option("--student", metavar="NAME", help="Its backbone; the teacher's if not given.")
    ] = None,
    settings: Settings = None,
    unlabelled: Annotated[
        Path | None, typer.Option("--unlabelled", metavar="FOLDER", help="Pictures without labels to learn from too.")
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="T", help="Of the teachers' probabilities.")
    ] = 2.0,
    share: Annotated[
        float, typer.Option("--share", metavar="X", help="Of the loss, the teachers'; the labels have the rest.")
    ] = 0.7,
    likeness: Annotated[
        float, typer.Option("--likeness", metavar="X", help="Weight of which pictures look alike to the teachers.")
    ] = 0.1,
    mixtures: Annotated[
        int, typer.Option("--mixtures", metavar="N", min=0, help="Mixtures per item, for the teachers to speak about.")
    ] = 2,
    alone: Annotated[
        bool, typer.Option("--alone/--no-alone", help="Train the student without its teacher too, for the table.")
    ] = True,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Train a small run on the answers of large ones. Say what it lost and saved."""
    for run in runs:
        check_run(run)
    from facetwise import studies
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    with stopping_on_signals() as stop, Reporter(screen, then="training") as report:
        made = studies.distill(
            runs, out=out, student=student, settings=settings or (), unlabelled=unlabelled, temperature=temperature,
            share=share, likeness=likeness, mixtures=mixtures, alone=alone, report=report, stop=stop,
        )  # fmt: skip
    rows = [
        [one.name, number(one.macro_f1), number(one.accuracy), _count(one.parameters), _count(one.backbone_parameters),
         number(one.latency[0], digits=2), number(one.latency[1], digits=3), number(one.backbone_latency, digits=1)]
        for one in made.pupils
    ]  # fmt: skip
    heads = ["", "macro F1", "accuracy", "parameters", "of backbone", "ms, one", "ms, of 32", "ms, backbone"]
    screen.table(heads, rows, right=range(1, 8))
    screen.say(
        f"{made.split}: {made.items:,} items. ms: from features to answers for one picture, alone and in a batch "
        "of 32; backbone: one picture in torch on this machine."
    )
    if made.unlabelled:
        screen.say(f"{made.unlabelled:,} pictures without labels were taught too.")
    if made.closed is not None:
        screen.result(f"The teacher closes {percent(made.closed)} of the gap between the student alone and itself.")
    elif alone:
        screen.result("The teacher is no better than the student alone: there is no gap to close.")
    screen.result(f"run       {made.path}")
    screen.next(["facetwise", "evaluate", made.path], ["facetwise", "export", made.path, "--out", "model.onnx"])
    screen.document({**asdict(made), "path": str(made.path)})


def _count(count: int | None) -> str:
    return "n/a" if count is None else f"{count:,}"
