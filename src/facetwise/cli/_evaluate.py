"""`facetwise evaluate`: how good a run is, beside what guessing would reach."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facetwise.cli._options import Checkpoint, Images, Json, Quiet, Run, listed
from facetwise.cli._progress import Reporter
from facetwise.cli._runs import check_run
from facetwise.cli._scores import calibration_line, show_scores
from facetwise.cli._screen import Screen, number
from facetwise.errors import UserError, nearest

if TYPE_CHECKING:
    from facetwise.metrics import Evaluation

__all__ = ["evaluate"]

Side = Literal["train", "val", "test"]
SIDES: tuple[Side, ...] = ("train", "val", "test")


def evaluate(
    run: Run,
    table: Annotated[
        Path | None, typer.Argument(metavar="[TABLE]", help="Another labelled table; without it the run's own split.")
    ] = None,
    images: Images = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAMES", help="Of train, val, test; several side by side: val,test.")
    ] = "test",
    checkpoint: Checkpoint = "best_score",
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Apart for every value of a column of the table.")
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out rows of TABLE that the run was trained or tuned on.")
    ] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Score a run, beside what guessing would reach."""
    asked = listed([split]) or ["test"]
    if by is not None and len(asked) > 1:
        raise UserError(f"--by goes with one side of the split. Found {split!r}. Fix: --split {asked[0]}")
    for name in asked:
        if name not in SIDES:
            raise UserError(f"--split takes train, val and test. Found {name!r}; {nearest(name, SIDES)}")
    sides = tuple(side for side in SIDES if side in asked)
    check_run(run)
    from facetwise import api

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with Reporter(screen) as report:
        found = trained.evaluate(
            table, images=images, split=sides, checkpoint=checkpoint, by=by, unseen=unseen, report=report
        )
    if by is not None:
        _show_slices(screen, by, found if table is not None else found[sides[0]], str(trained.path))
        return
    evaluations: Mapping[str, Evaluation] = {table.name: found} if table is not None else found
    plain = {name: evaluation.to_dict() for name, evaluation in evaluations.items()}
    for name, scores in plain.items():
        screen.say(f"{name}: {scores['items']:,} items, checkpoint {checkpoint}")
    screen.say()
    show_scores(screen, trained.schema, plain, trained.depth)
    screen.say()
    for name, evaluation in evaluations.items():
        screen.result(calibration_line(evaluation, name if len(evaluations) > 1 else ""))
    screen.say("majority: always the most frequent answer of the training rows; random: drawn with their frequencies.")
    if len(plain) == 1:
        screen.say("listens to: the depths whose shuffling costs the attribute most; depth.json has all of them.")
    screen.document({"run": str(trained.path), "checkpoint": checkpoint, "splits": plain})


def _show_slices(screen: Screen, by: str, found: "Mapping[str, Evaluation]", run: str) -> None:
    """One line per value: what is overall, with intervals, and the majority floor of the same items."""
    rows = []
    for value, one in found.items():
        row: list[object] = [value, f"{one.items:,}"]
        for name in ("mean_macro_f1", "mean_accuracy"):
            low, high = one.intervals.get(name) or (None, None)
            floor = one.floors["majority"]["overall"].get(name)
            row += [number(one.overall[name]), f"{number(low)} to {number(high)}", number(floor)]
        rows.append([*row, number(one.overall["mean_mae_over_floor"])])
    heads = [by, "items", "macro-F1", "95 %", "majority", "accuracy", "95 %", "majority", "error of numbers"]
    screen.table(heads, rows, right=range(1, len(heads)))
    screen.say("error of numbers: against always guessing the median of the training rows; less is better.")
    screen.document({"run": run, "by": by, "slices": {value: one.to_dict() for value, one in found.items()}})
