"""`facetwise train`: one model for all attributes of a table."""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import (
    ConfigFile,
    Device,
    Images,
    Json,
    Overwrite,
    Preset,
    Quiet,
    Recipe,
    SchemaFile,
    Settings,
    Workers,
    given,
    listed,
)
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen

__all__ = ["train"]

DATA, MODEL, LEARNING = "What to learn from", "The model", "Learning"


def train(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV or Parquet; one row per item.")],
    images: Images = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="The run folder to write.")] = None,
    schema: SchemaFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    preset: Preset = None,
    recipe: Recipe = None,
    test: Annotated[
        Path | None, typer.Option("--test", metavar="FILE", rich_help_panel=DATA, help="A table kept for the test.")
    ] = None,
    split_from: Annotated[
        Path | None, typer.Option("--split-from", metavar="RUN", rich_help_panel=DATA, help="Take over a run's split.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option("--features", metavar="FILE", rich_help_panel=DATA, help="Ready features, by row.")
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option("--corrections", metavar="FILE", rich_help_panel=DATA, help="Cells that an audit has corrected."),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attributes", metavar="A,B", rich_help_panel=DATA, help="Only these columns."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="A,B", rich_help_panel=DATA, help="Not these columns.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="COLUMN", rich_help_panel=DATA, help="Rows that stay together.")
    ] = None,
    category: Annotated[
        str | None,
        typer.Option("--category", metavar="COLUMN", rich_help_panel=DATA, help="Decides which others apply."),
    ] = None,
    val_ratio: Annotated[
        float | None, typer.Option("--val-ratio", metavar="SHARE", rich_help_panel=DATA, help="Share for validation.")
    ] = None,
    test_ratio: Annotated[
        float | None, typer.Option("--test-ratio", metavar="SHARE", rich_help_panel=DATA, help="Share for the test.")
    ] = None,
    min_count: Annotated[
        int | None, typer.Option("--min-count", metavar="N", rich_help_panel=DATA, help="Rarer classes are unknown.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", rich_help_panel=MODEL, help="The feature extractor.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", rich_help_panel=MODEL, help="Its weights from a file of your own."),
    ] = None,
    levels: Annotated[
        str | None, typer.Option("--levels", metavar="NAMES", rich_help_panel=MODEL, help="Its depths: all or last.")
    ] = None,
    trunk: Annotated[
        str | None, typer.Option("--trunk", metavar="NAME", rich_help_panel=MODEL, help="What attributes share.")
    ] = None,
    finetune: Annotated[
        str | None,
        typer.Option("--finetune", metavar="NAME", rich_help_panel=MODEL, help="What of the backbone learns, too."),
    ] = None,
    augmentation: Annotated[
        list[str] | None,
        typer.Option(
            "--augmentation", metavar="A,B", rich_help_panel=LEARNING, help="Changes of pictures when fine-tuning."
        ),
    ] = None,
    reweighting: Annotated[
        str | None, typer.Option("--reweighting", metavar="NAME", rich_help_panel=LEARNING, help="Class weights.")
    ] = None,
    balancing: Annotated[
        str | None,
        typer.Option("--balancing", metavar="NAME", rich_help_panel=LEARNING, help="How attributes are balanced."),
    ] = None,
    select_by: Annotated[
        str | None,
        typer.Option("--select-by", metavar="SCORE", rich_help_panel=LEARNING, help="Validation score that decides."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", metavar="N", rich_help_panel=LEARNING)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", metavar="N", rich_help_panel=LEARNING)] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience", metavar="N", rich_help_panel=LEARNING, help="Epochs without progress before it stops."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", metavar="X", rich_help_panel=LEARNING)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", rich_help_panel=LEARNING)] = None,
    device: Device = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Insist on continuing the run in --out, with the options it began with.")
    ] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Train one model for all attributes of a table."""
    from facetwise import api
    from facetwise.training import rank_told, stopping_on_signals

    leads = rank_told() == 0
    screen = Screen(quiet=quiet or not leads, machine=machine and leads)
    options = given(
        preset=preset,
        attributes=listed(attributes),
        exclude=listed(exclude),
        group=group,
        category=category,
        val_ratio=val_ratio,
        test_ratio=test_ratio,
        min_count=min_count,
        backbone=backbone,
        weights=weights,
        levels=levels,
        trunk=trunk,
        finetune=finetune,
        augmentation=listed(augmentation),
        reweighting=reweighting,
        balancing=balancing,
        select_by=select_by,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        workers=workers,
    )
    with stopping_on_signals() as stop, Reporter(screen, then="training") as report:
        run = api.train(
            table,
            images=images,
            out=out,
            schema=schema,
            config=config,
            settings=settings or (),
            recipe=recipe,
            test=test,
            split_from=split_from,
            features=features,
            corrections=corrections,
            overwrite=overwrite,
            resume=resume,
            report=report,
            stop=stop,
            **options,
        )
    if not leads:
        return
    screen.say()
    for line in run.summary():
        screen.result(line)
    screen.next(
        ["facetwise", "evaluate", run.path],
        ["facetwise", "predict", run.path, "new_photos/", "--out", "filled.csv"],
    )
    screen.document({"run": str(run.path), "summary": run.summary()})
