"""A finished run's own table read again, and how long that and its measuring take: told before they are done."""

from pathlib import Path

from facetwise.events import Event, Report
from facetwise.runs._again import prepare_again, source_of
from facetwise.training import FinishedRun, Prepared

__all__ = ["foretell_measuring", "prepared_of"]

# Seconds per row and per cell on two cores, from 1,000,000 rows of 3 and of 40 attributes (2026-11-23,
# benchmarks/scaling.py and tables.py): a guess on other machines, right within a factor of two or three. Pictures tell
# of themselves while they are read.
_PER_ROW_READ, _PER_CELL_READ = 9e-6, 5e-7
_PER_CELL_MEASURED = 6.6e-7


def prepared_of(run: FinishedRun, report: Report) -> Prepared:
    """`run.prepared`; where it is not there yet, how long that takes is told, and the pictures that are read for it.

    Raises:
        UserError, OSError: The run's table or pictures are not where they were.
    """
    known = vars(run)
    if "prepared" not in known:
        about = source_of(run.path)
        if rows := _rows(run.path / "issues.parquet"):
            seconds = rows * (_PER_ROW_READ + _PER_CELL_READ * len(run.schema.attributes))
            report(Event("estimate", f"the run's own table of {rows:,} rows is read again", data={"left": seconds}))
        known["prepared"] = prepare_again(
            run, about, report=lambda event: report(event) if event.kind == "progress" else None
        )
    return known["prepared"]


def _rows(issues: Path) -> int:
    """How many rows the table had, of which the file has one line each; 0 where nobody knows."""
    import polars as pl

    try:
        return int(pl.scan_parquet(issues).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError):  # gone or damaged, and only a guess depends on it
        return 0


def foretell_measuring(items: int, attributes: int, report: Report) -> None:
    """Say how long `evaluate` takes for so many items."""
    seconds = items * attributes * _PER_CELL_MEASURED
    report(Event("estimate", f"{items:,} items are measured on {attributes:,} attributes", data={"left": seconds}))
