"""`facetwise inspect`: how the table is read, why, and the line that changes it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetwise.cli._options import Images, Json, Overwrite, Quiet, SchemaFile, listed
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen, percent
from facetwise.errors import UserError

if TYPE_CHECKING:
    from facetwise.api import Inspection
    from facetwise.data import RuleKept

__all__ = ["inspect"]

# Rules of the table itself with exceptions: those that the terminal shows, and those of the machine's document.
RULES_SHOWN, RULES_TOLD = 5, 200


def inspect(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV or Parquet; one row per item.")],
    images: Images = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write the schema; schema.yaml if not given.")
    ] = None,
    schema: SchemaFile = None,
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
    """Read a table, say why it is read so, write schema.yaml. Or hold the table against a schema that is there."""
    if out is None and schema is None:
        out = Path("schema.yaml")
    if out is not None and out.exists() and not overwrite:
        raise UserError(f"{out} is there already. Keep it and name another with --out FILE, or add --overwrite.")
    from facetwise import api
    from facetwise.schema import rule_to_dict, schema_to_yaml

    screen = Screen(quiet=quiet, machine=machine)
    with Reporter(screen) as report:
        found = api.inspect(
            table,
            images=images,
            group=group,
            category=category,
            attributes=listed(attributes),
            exclude=listed(exclude) or (),
            min_count=min_count,
            seed=seed,
            schema=schema,
            report=report,
        )
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(schema_to_yaml(found.schema), encoding="utf-8")
    _show(screen, found)
    _show_rules(screen, found)
    screen.say()
    if out is not None:
        screen.result(f"Schema written to {out}. Edit it where a reading is wrong; the lines above show how.")
    where = ["--images", images] if images else []
    screen.next(["facetwise", "train", table, *where, "--schema", out or schema, "--out", "runs/first"])
    screen.document(
        {
            "table": found.table,
            "items": found.items,
            "schema": str(out or schema),
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
            "rules": [
                {
                    "rule": rule_to_dict(one.rule),
                    "declared": one.declared,
                    "support": one.support,
                    "broken": one.broken,
                    "rows": list(one.rows),
                }
                for one in [*_declared(found), *_excepted(found)[:RULES_TOLD]]
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
    rows, dropped = [], _dropped(found)
    for reading in found.readings:
        role = str(reading.role).replace("_", " ")
        meaning = str(reading.kind) if reading.kind and role == "attribute" else role
        if reading.column in dropped:
            meaning += ", left out"
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


def _dropped(found: "Inspection") -> set[str]:
    """Columns that are read as attributes, but of which too little is left to be learned; a notice says why."""
    return {notice.column for notice in found.notices if notice.code == "left-out" and notice.column is not None}


def _declared(found: "Inspection") -> list["RuleKept"]:
    return [one for one in found.rules if one.declared]


def _excepted(found: "Inspection") -> list["RuleKept"]:
    """Rules that nobody declared, that nearly all rows keep, and that some break."""
    return [one for one in found.rules if not one.declared and one.broken]


def _show_rules(screen: Screen, found: "Inspection") -> None:
    """Declared rules with the rows that break them; exceptions of what else nearly all rows keep."""
    declared, excepted = _declared(found), _excepted(found)
    kept = len(found.rules) - len(declared) - len(excepted)
    if not found.rules:
        return
    screen.title("Rules between attributes")
    shown = [*declared, *excepted[:RULES_SHOWN]]
    if shown:
        rows = [
            (str(one.rule), "the schema" if one.declared else "nearly all rows", f"{one.support:,}", f"{one.broken:,}",
             ", ".join(map(str, one.rows)) + (", ..." if one.broken > len(one.rows) else ""))
            for one in shown
        ]  # fmt: skip
        screen.table(("rule", "said by", "rows", "broken", "rows that break it"), rows, right=[2, 3])
    if (more := len(excepted) - RULES_SHOWN) > 0:
        screen.say(f"... and {more:,} more that nearly all rows keep (--json has the first {RULES_TOLD}).")
    if kept:
        one = "is kept by every row that it is" if kept == 1 else "are kept by every row that they are"
        screen.say(f"{kept:,} more {one} about: `train --set rules=mined` holds answers to such rules.")
