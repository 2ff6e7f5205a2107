"""`facetwise config`: every option, its value, and where the value comes from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import ConfigFile, Json, Overwrite, Preset, Quiet, Recipe, Settings
from facetwise.cli._screen import Screen, clean
from facetwise.errors import UserError

__all__ = ["config"]


def config(
    file: ConfigFile = None,
    settings: Settings = None,
    preset: Preset = None,
    recipe: Recipe = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write a commented file to start from.")
    ] = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON schema of this file, for editors.")
    ] = False,
    data_schema: Annotated[
        bool, typer.Option("--data-schema", help="Print the JSON schema of schema.yaml, for editors.")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Show every option of train, its value and its origin."""
    from facetwise.config import commented_config, config_json_schema, data_json_schema, resolve_config

    screen = Screen(quiet=quiet, machine=machine)
    if json_schema or data_schema:
        print(json.dumps(config_json_schema() if json_schema else data_json_schema(), indent=2, ensure_ascii=False))
        return
    resolved = resolve_config(file, settings or (), recipe=recipe, preset=preset)
    if write is not None:
        if write.exists() and not overwrite:
            raise UserError(f"{write} is there already. Name another with --write FILE, or add --overwrite.")
        write.parent.mkdir(parents=True, exist_ok=True)
        write.write_text(commented_config(resolved, start=True), encoding="utf-8")
        screen.result(f"Written to {write}")
        screen.next(["facetwise", "train", "products.csv", "--config", write])
    elif not machine:
        print(clean(commented_config(resolved), lines=True), end="")
    origins = {".".join(path): place for path, place in resolved.places.items()}
    screen.document(
        {"config": resolved.config.model_dump(), "origins": origins, "written": None if write is None else str(write)}
    )
