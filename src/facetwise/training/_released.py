"""A published data set on disk to `table.csv` and `schema.yaml`, which everything else starts from."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from facetwise.data import Notice
from facetwise.data.releases import release_of
from facetwise.errors import UserError
from facetwise.inference import write_text
from facetwise.schema import Schema, schema_to_yaml

__all__ = ["PreparedRelease", "prepare_release"]


@dataclass(frozen=True, kw_only=True)
class PreparedRelease:
    """What `prepare` wrote.

    Args:
        table: The table; its image paths are relative to the folder of the release.
        schema_path: The schema's file.
        schema: The schema.
        rows: Rows of the table.
        notices: What the user should know.
    """

    table: Path
    schema_path: Path
    schema: Schema
    rows: int
    notices: tuple[Notice, ...]


def prepare_release(
    name: str, root: str | Path, *, out: str | Path | None = None, overwrite: bool = False
) -> PreparedRelease:
    """Turn the files of a published data set into a table and a schema. Nothing is downloaded, no picture is opened.

    Args:
        name: A line of `data.releases.RELEASES`: fishnet, meesho, awa2 or clothing-attributes.
        root: Folder of the files, as they were released.
        out: Folder of `table.csv` and `schema.yaml`; one of the name if not given.
        overwrite: Replace these two files.

    Raises:
        UserError: No such data set, files that are missing or are something else, or files in the way.
    """
    release, folder = release_of(name), Path(name if out is None else out)
    if not Path(root).is_dir():
        raise UserError(f"--root is the folder of the files of {release.title}. Found no folder {str(root)!r}. "
                        f"Fix: get them from {release.address}")  # fmt: skip
    table, schema = folder / "table.csv", folder / "schema.yaml"
    there = [str(path) for path in (table, schema) if path.exists()]
    if there and not overwrite:
        raise UserError(f"{' and '.join(there)} would be replaced. Fix: --out with another folder, or --overwrite")
    found = release.read(Path(root))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows(zip(*found.columns.values(), strict=True))
    write_text(table, text.getvalue())
    write_text(schema, schema_to_yaml(found.schema))
    return PreparedRelease(
        table=table, schema_path=schema, schema=found.schema, rows=found.rows, notices=found.notices
    )  # fmt: skip
