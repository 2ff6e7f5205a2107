"""`facetwise demo`: the whole way, from drawn pictures to filled cells, with no network."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetwise.cli._answers import ABSTAINED, VALUE, answer
from facetwise.cli._options import Json, Overwrite, Quiet
from facetwise.cli._progress import Reporter, duration
from facetwise.cli._scores import show_scores
from facetwise.cli._screen import Screen, percent
from facetwise.errors import RunError, UserError

if TYPE_CHECKING:
    from facetwise.inference import Cell

__all__ = ["demo"]

# Shown beside the truth: few enough to read, many enough to see a mistake.
PICTURES_SHOWN = 4


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to draw and train.")] = Path(
        "facetwise-demo"
    ),
    items: Annotated[int, typer.Option("--items", metavar="N", min=60, help="Number of pictures.")] = 600,
    epochs: Annotated[int | None, typer.Option("--epochs", metavar="N", help="Epochs; default as in train.")] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed draws another catalogue.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Draw a small catalogue, learn it, fill its gaps. No network."""
    if (out / "run").exists() and not overwrite:
        raise RunError(f"{out} has a run already. Name another folder with --out FOLDER, or add --overwrite.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file, not a folder. Name a folder with --out FOLDER.")
    from facetwise import api
    from facetwise.data.catalogue import draw_catalogue
    from facetwise.training import stopping_on_signals

    started = time.monotonic()
    screen = Screen(quiet=quiet, machine=machine)
    screen.say(f"Drawing {items} pictures of garments, shoes and bags", style="bold")
    table = draw_catalogue(out, items=items, seed=seed)
    options: dict[str, Any] = {"seed": seed} if epochs is None else {"seed": seed, "epochs": epochs}
    with stopping_on_signals(), Reporter(screen) as report:
        run = api.train(table, images=out, out=out / "run", overwrite=overwrite, report=report, **options)
    scores = run.evaluate(split="test").to_dict()
    columns = [attribute.column for attribute in run.schema.attributes]
    wanted = _test_rows(run.path)
    given, truth = _read(table), _read(out / "answers.csv")
    rows = run.predict([out / given[row]["image"] for row in wanted]).rows
    gaps = _judge_gaps(rows, [given[row] for row in wanted], [truth[row] for row in wanted], columns)

    screen.title(f"On {scores['items']} pictures that the model has never seen")
    show_scores(screen, run.schema, {"test": scores}, run.depth)
    screen.title("Prediction, and what was drawn where it differs")
    # One photo per product: the second photo of a product would show the same answers again.
    chosen = list({truth[row]["product"]: place for place, row in reversed(list(enumerate(wanted)))}.values())
    chosen = sorted(chosen)[:PICTURES_SHOWN]
    _show_beside_truth(screen, [rows[place] for place in chosen], [truth[wanted[place]] for place in chosen], columns)
    screen.say()
    screen.result(
        f"The table leaves {gaps['empty']:,} cells of these pictures empty although they have a value. "
        f"The model answers {gaps['answered']:,} of them, {percent(gaps['share_right'])} right."
    )
    screen.say(f"Pictures and tables in {out}, the model in {run.path}; {duration(time.monotonic() - started)} in all.")
    screen.next(
        ["facetwise", "inspect", table, "--images", out, "--out", out / "schema.yaml"],
        ["facetwise", "evaluate", run.path, "--split", "train,val,test"],
        ["facetwise", "predict", run.path, out / "images", "--out", out / "filled.csv"],
    )
    screen.document({"catalogue": str(table), "run": str(run.path), "gaps": gaps, "evaluation": scores})


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _test_rows(run: Path) -> list[int]:
    return [int(line["item"]) for line in _read(run / "split.csv") if line["side"] == "test"]


def _is_right(cell: "Cell", truth: str) -> bool:
    """Whether an answer is the drawn one; a number is right within a tenth."""
    if isinstance(cell.value, float):
        return abs(cell.value - float(truth)) <= 0.1 * abs(float(truth))
    return set(answer(cell).split("|")) == set(truth.split("|"))


def _judge_gaps(
    rows: Sequence[Mapping[str, Any]],
    given: Sequence[Mapping[str, str]],
    truth: Sequence[Mapping[str, str]],
    columns: Sequence[str],
) -> dict[str, float | int | None]:
    """What the model puts into cells that were empty although the product has a value."""
    cells = [
        (row[column], full[column])
        for row, gaps, full in zip(rows, given, truth, strict=True)
        for column in columns
        if not gaps[column] and full[column] != "N/A"
    ]
    answered = [(cell, full) for cell, full in cells if cell.state == VALUE]
    right = sum(_is_right(cell, full) for cell, full in answered)
    share = right / len(answered) if answered else None
    return {"empty": len(cells), "answered": len(answered), "right": right, "share_right": share}


def _show_beside_truth(
    screen: Screen, rows: Sequence[Mapping[str, Any]], truth: Sequence[Mapping[str, str]], columns: Sequence[str]
) -> None:
    """Attributes down, pictures across: what the model says, and the truth in brackets where it is another."""
    body = []
    for column in columns:
        line = [column]
        for row, full in zip(rows, truth, strict=True):
            said, drawn = answer(row[column]), full[column].replace("N/A", "-")
            fits = said == drawn or (row[column].state == VALUE and drawn != "-" and _is_right(row[column], drawn))
            line.append(said if fits or row[column].state == ABSTAINED else f"{said} ({drawn})")
        body.append(line)
    screen.table(["", *(Path(row["image"]).name for row in rows)], body)
