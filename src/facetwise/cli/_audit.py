"""`facetwise audit`: which labels and pictures of a table look wrong?"""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import ConfigFile, Images, Json, Overwrite, Quiet, SchemaFile, Settings
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen, number, percent
from facetwise.errors import UserError

__all__ = ["audit"]

# Lines of the queue on the terminal; the file has all.
SHOWN = 15


def audit(
    source: Annotated[Path, typer.Argument(metavar="TABLE|RUN", help="A labelled table, or a run folder.")],
    images: Images = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for queue.csv and audit.html.")
    ] = None,
    schema: SchemaFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Look for dark, blurred and tiny pictures too.")
    ] = True,
    least: Annotated[
        float, typer.Option("--least", metavar="P", min=0.0, max=1.0, help="Leave out less probable errors.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the folds.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Rank labels, texts and pictures of a table that look wrong."""
    is_run = (source / "run.json").is_file()
    from facetwise.data import address_of

    # What is written about a table behind an address lies here: nothing is ever written there.
    beside = Path() if address_of(source) else source.parent
    folder = out or (source / "audit" if is_run else beside / f"{source.stem}_audit")
    if (folder / "queue.csv").exists() and not overwrite:
        raise UserError(
            f"{folder} holds an audit already, perhaps with your own marks. Fix: --out FOLDER, or --overwrite"
        )
    from facetwise import api, studies
    from facetwise.config import load_config
    from facetwise.inference import write_text
    from facetwise.schema import read_schema

    if is_run and (given := [n for n, v in (("--images", images), ("--schema", schema), ("--config", config)) if v]):
        raise UserError(f"a run has its own table, schema and configuration. Found {given[0]} too. Fix: leave it away")
    screen = Screen(quiet=quiet, machine=machine)
    with Reporter(screen) as report:
        if is_run:
            found = studies.audit_run(api.load(source), pictures=pictures, least=least, seed=seed, report=report)
        else:
            found = studies.audit(
                source, images=images, schema=None if schema is None else read_schema(schema), pictures=pictures,
                config=load_config(config, settings or ()), least=least, seed=seed, report=report,
            )  # fmt: skip
    write_text(folder / "queue.csv", studies.queue_csv(found.queue))
    write_text(folder / "audit.html", studies.audit_page(found))
    screen.title("Attributes")
    rows = [
        (f"{one.column}: {one.label}" if one.label else one.column, f"{len(one.rows):,}", percent(one.found.wrong),
         f"{int((one.found.chance >= 0.5).sum()):,}", number(one.found.found, digits=2))
        for one in found.attributes
    ]  # fmt: skip
    screen.table(
        ["attribute", "labels", "wrong, at most about", "more likely wrong than not", "planted errors found"], rows,
        right=(1, 2, 3, 4),
    )  # fmt: skip
    for why in dict.fromkeys(found.skipped.values()):
        screen.say(f"not judged, {why}: {', '.join(name for name, own in found.skipped.items() if own == why)}")
    if found.queue:
        screen.title("The first of the queue")
    rows = [
        (one.row + 1, one.image, one.attribute, one.old, one.new, "" if one.chance is None else percent(one.chance),
         studies.KINDS[one.kind])
        for one in found.queue[:SHOWN]
    ]  # fmt: skip
    if rows:
        screen.table(["row", "picture", "attribute", "says", "rather", "wrong", "because"], rows, right=(0, 5))
    screen.say()
    told = ", ".join(f"{count:,} {kind}" for kind, count in found.counts().items()) or "nothing"
    screen.result(f"{told}: {folder / 'queue.csv'}, {folder / 'audit.html'}")
    about = {"table": address_of(source) or source, "images": address_of(images) or images}
    about = api.load(source).source() if is_run else about
    table = [about["table"], *(["--images", about["images"]] if about["images"] else [])]
    if found.queue:
        screen.say(
            "Go through queue.csv first and write yes under accept where you agree: lines without it change nothing."
        )
    screen.next(["facetwise", "train", *table, "--corrections", folder / "queue.csv", "--out", "runs/corrected"])
    screen.document(
        {
            "queue": str(folder / "queue.csv"), "page": str(folder / "audit.html"), "findings": found.counts(),
            "skipped": found.skipped,
            "attributes": [
                {"attribute": one.column, "class": one.label or None, "labels": len(one.rows),
                 "wrong": one.found.wrong, "planted_found": one.found.found, "confident": one.found.confident,
                 "likely_wrong": int((one.found.chance >= 0.5).sum())}
                for one in found.attributes
            ],
        }
    )  # fmt: skip
