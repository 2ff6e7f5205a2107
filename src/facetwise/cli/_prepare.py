"""`facetwise prepare`: a published data set, as its authors release it, to a table and a schema."""

from pathlib import Path
from typing import Annotated

import typer

from facetwise.cli._options import Json, Overwrite, Quiet
from facetwise.cli._screen import Screen

__all__ = ["prepare"]


def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="fishnet, meesho, awa2 or clothing-attributes.")],
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="Folder of the files; without it: where to get them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of table.csv and schema.yaml; NAME.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Turn a published data set into a table and a schema. Nothing is downloaded."""
    from facetwise import api
    from facetwise.data.releases import release_of

    screen = Screen(quiet=quiet, machine=machine)
    release = release_of(name)
    if root is None:
        screen.result(f"{release.title}: get its files from {release.address}")
        screen.result(f"Terms: {release.terms}")
        screen.result("The folder then holds:")
        for line in release.layout:
            screen.result(f"  {line}")
        screen.next(["facetwise", "prepare", name, "--root", "DIR"])
        screen.document({"name": name, "address": release.address, "terms": release.terms, "layout": release.layout})
        return
    made = api.prepare(name, root, out=out, overwrite=overwrite)
    for notice in made.notices:
        screen.warn(notice)
    screen.result(f"{made.rows:,} rows, {len(made.schema.attributes)} attributes: {made.table}, {made.schema_path}")
    screen.next(
        ["facetwise", "train", made.table, "--images", root, "--schema", made.schema_path, "--out", f"runs/{name}"]
    )
    screen.document(
        {
            "name": name,
            "rows": made.rows,
            "attributes": [attribute.column for attribute in made.schema.attributes],
            "table": str(made.table),
            "schema": str(made.schema_path),
            "notices": [{"code": one.code, "message": str(one)} for one in made.notices],
        }
    )
