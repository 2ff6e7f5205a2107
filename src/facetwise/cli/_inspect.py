"""`facetwise inspect`: how the table is read, why, and the line that changes it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetwise.cli._options import Images, Json, Overwrite, Quiet, listed
from facetwise.cli._screen import Screen, percent
from facetwise.errors import UserError

if TYPE_CHECKING:
    from facetwise.api import Inspection

__all__ = ["inspect"]


def inspect(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV or Parquet; one row per item.")],
    images: Images = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the schema.")] = Path(
        "schema.yaml"
    ),
    group: Annotated[str | None, typer.Option("--group", metavar="COLUMN", help="Rows that stay together.")] = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="COLUMN", help="Column that decides which others apply.")
    ] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--attributes", metavar="A,B", help="Only these columns.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="A,B", help="Not these columns.")] = None,
    min_count: Annotated[
        int, typer.Option("--min-count", metavar="N", min=1, help="Classes with fewer training rows are unknown.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the split.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Read a table, say why it is read so, write schema.yaml."""
    if out.exists() and not overwrite:
        raise UserError(f"{out} is there already. Keep it and name another with --out FILE, or add --overwrite.")
    from facetwise import api
    from facetwise.schema import schema_to_yaml

    screen = Screen(quiet=quiet, machine=machine)
    found = api.inspect(
        table,
        images=images,
        group=group,
        category=category,
        attributes=listed(attributes),
        exclude=listed(exclude) or (),
        min_count=min_count,
        seed=seed,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(schema_to_yaml(found.schema), encoding="utf-8")
    _show(screen, found)
    screen.say()
    screen.result(f"Schema written to {out}. Edit it where a reading is wrong; the lines above show how.")
    where = ["--images", images] if images else []
    screen.next(["facetwise", "train", table, *where, "--schema", out, "--out", "runs/first"])
    screen.document(
        {
            "table": found.table,
            "items": found.items,
            "schema": str(out),
            "split": found.split,
            "columns": [
                {
                    "column": reading.column,
                    "role": reading.role,
                    "kind": reading.kind,
                    "coverage": found.coverage.get(reading.column),
                    "reason": reading.reason,
                    "overrule": reading.overrule,
                }
                for reading in found.readings
            ],
            "notices": [
                {"code": notice.code, "message": notice.message, "column": notice.column, "rows": list(notice.rows)}
                for notice in found.notices
            ],
        }
    )


def _show(screen: Screen, found: "Inspection") -> None:
    screen.say(f"{found.table}: {found.items:,} rows, {len(found.readings)} columns", style="bold")
    screen.say()
    rows = []
    for reading in found.readings:
        role = str(reading.role).replace("_", " ")
        meaning = str(reading.kind) if reading.kind and role == "attribute" else role
        line = f"{reading.reason}\n  {reading.overrule}" if reading.overrule else reading.reason
        filled = found.coverage.get(reading.column)
        rows.append((reading.column, meaning, "" if filled is None else percent(filled), line))
    screen.table(
        ("column", "read as", "filled", "because; and the line of schema.yaml that changes it"), rows, right=[2]
    )
    screen.say()
    screen.say(f"Split: {found.split}")
    if found.notices:
        screen.title("To know")
    for notice in found.notices:
        screen.warn(notice)
