"""What the user should know though it stops nothing: said by the front door, never swallowed."""

from collections.abc import Iterable
from dataclasses import dataclass

from facetwise.events import Event, Report

__all__ = ["ROWS_SHOWN", "Notice", "counted", "tell", "unsaid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that was noticed about the data.

    Args:
        code: A short stable word, for tests and for filtering.
        message: One or two plain sentences.
        column: The column that it is about.
        rows: The first rows that it is about, 1-based as in the table's data (the header is not counted); of rows of a
            separate test table texts such as "3 of test.csv".
    """

    code: str
    message: str
    column: str | None = None
    rows: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        where = f"column {self.column!r}: " if self.column is not None else ""
        word = "Row" if len(self.rows) == 1 else "Rows"
        rows = f" {word} {', '.join(map(str, self.rows))}{', ...' if len(self.rows) >= ROWS_SHOWN else ''}." * bool(
            self.rows
        )
        return f"{where}{self.message}{rows}"


# Enough to find the place in the table; a notice is a pointer, not a list.
ROWS_SHOWN = 5


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its word.

    >>> counted(1, "class", "classes"), counted(1200, "cell")
    ('1 class', '1,200 cells')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def tell(notices: Iterable[Notice], report: Report) -> None:
    """Pass notices on to whoever watches the work."""
    for notice in notices:
        report(Event("notice", str(notice), data={"code": notice.code, "column": notice.column}))


# What is said of a column's classes, and so need not be said again of the cells that hold them.
_SAID = {"rare-classes": "unknown-class", "few-not-applicable": "denied-where-it-applies"}


def unsaid(notices: Iterable[Notice], before: Iterable[Notice]) -> list[Notice]:
    """Notices about cells without those whose cause has been said of the whole column."""
    said = {(_SAID.get(notice.code), notice.column) for notice in before}
    return [notice for notice in notices if (notice.code, notice.column) not in said]
