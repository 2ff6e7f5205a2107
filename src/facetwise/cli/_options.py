"""Options that several commands share, worded once."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "Address",
    "Checkpoint",
    "ConfigFile",
    "Device",
    "Engine",
    "Images",
    "Jobs",
    "Json",
    "Overwrite",
    "Preset",
    "Processes",
    "Quiet",
    "Recipe",
    "Run",
    "SchemaFile",
    "Settings",
    "Shard",
    "Workers",
    "given",
    "listed",
]

Images = Annotated[
    Path | None, typer.Option("--images", metavar="FOLDER", help="Folder that the table's image paths start from.")
]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", help="Trainings side by side.")]
Engine = Annotated[str | None, typer.Option("--engine", metavar="NAME", help="local, or ray: actors of a Ray cluster.")]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="Of the Ray cluster; without it, one in this machine."),
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", metavar="N", min=1, help="Work in so many processes; one that dies is replaced."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output; words go to standard error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", metavar="FILE", help="Schema file; without it the table is read by itself.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file with any of the options.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any option by its path; repeatable.")
]
Preset = Annotated[str | None, typer.Option("--preset", metavar="NAME", help="fast, balanced (the defaults) or best.")]
Recipe = Annotated[
    str | None, typer.Option("--recipe", metavar="NAME", help="A configuration that ships; `facetwise recipes`.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder that `train` has written.")]
Checkpoint = Annotated[
    str, typer.Option("--checkpoint", metavar="NAME", help="last, best_score, best_loss or best_both.")
]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 ...")]
Shard = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Only the I-th of N parts; done again at no cost.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Threads that read pictures; 0 = as many as fit.")
]


def listed(texts: Iterable[str] | None) -> list[str] | None:
    """Names from a repeatable option; one text may hold several, separated by commas.

    A name that has a comma of its own goes in double quotes.

    >>> listed(["colour,pattern", 'heel'])
    ['colour', 'pattern', 'heel']
    >>> listed(['"size, EU",colour'])
    ['size, EU', 'colour']
    """
    if not texts:
        return None
    return [name.strip() for row in csv.reader(texts, skipinitialspace=True) for name in row if name.strip()]


def given(**options: object) -> dict[str, Any]:
    """The options that the user has typed; the others stay at their defaults, which the configuration knows."""
    return {name: value for name, value in options.items() if value is not None}
