"""How long a finished run's table takes to be read again, and to be measured: told before it is done."""

from facetwise.events import Event, Report
from facetwise.training import FinishedRun

__all__ = ["foretell_measuring", "foretell_reading"]

# Seconds per row and per cell on two cores, from 1,000,000 rows of 3 and of 40 attributes (2026-11-23,
# benchmarks/scaling.py and tables.py): a guess on other machines, right within a factor of two or three.
_PER_ROW_READ, _PER_CELL_READ = 9e-6, 5e-7
_PER_CELL_MEASURED = 6.6e-7


def foretell_reading(run: FinishedRun, report: Report) -> None:
    """Say how long it takes until `run.prepared` is there; nothing where it is, or where nobody knows its rows."""
    issues = run.path / "issues.parquet"
    if "prepared" in vars(run) or not issues.is_file():
        return
    import polars as pl

    rows = int(pl.scan_parquet(issues).select(pl.len()).collect().item())
    seconds = rows * (_PER_ROW_READ + _PER_CELL_READ * len(run.schema.attributes))
    report(Event("estimate", f"the run's own table of {rows:,} rows is read again", data={"left": seconds}))


def foretell_measuring(items: int, attributes: int, report: Report) -> None:
    """Say how long `evaluate` takes for so many items."""
    seconds = items * attributes * _PER_CELL_MEASURED
    report(Event("estimate", f"{items:,} items are measured on {attributes:,} attributes", data={"left": seconds}))
