"""Rows of a table whose pictures cannot be read: no score has them in it, so they are counted and said."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from facetwise.errors import Complaint, TableError
from facetwise.events import Event, Report

__all__ = ["by_reason", "tell_unreadable"]

# Pictures of one reason that are named; enough to find the kind of fault.
_NAMES_SHOWN = 3


def by_reason(issues: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many of some (reason, message) have each reason, the most frequent first."""
    return dict(sorted(Counter(reason for reason, _ in issues).items(), key=lambda one: (-one[1], one[0])))


def tell_unreadable(
    issues: Mapping[int, tuple[str, str]], names: Sequence[str], *, table: str, root: str, report: Report
) -> None:
    """Say how many rows are left out and why, with a few names.

    Args:
        issues: Row → (reason, message).
        names: Of the picture of every row.
        table, root: The table and the folder of its pictures, as the user calls them.
        report: Told.

    Raises:
        TableError: No row is left.
    """
    if not issues:
        return
    if len(issues) == len(names):
        rule, found = "at least one picture can be read", f"{len(names):,} rows; the first: {issues[min(issues)][1]}"
        fix = f"say where the pictures are with --images; now {root!r}"
        raise TableError([Complaint(place=table, rule=rule, found=found, fix=fix)])
    reasons, shown = by_reason(issues.values()), []
    for reason, count in reasons.items():
        own = [repr(names[row]) for row in sorted(issues) if issues[row][0] == reason][:_NAMES_SHOWN]
        shown.append(f"{count:,} {reason} ({', '.join(own)}{', ...' if count > len(own) else ''})")
    message = (
        f"{len(issues):,} of {len(names):,} rows of {table} have no picture that can be read, and are not scored: "
        f"{', '.join(shown)}"
    )
    report(Event("notice", message, data={"code": "unreadable", "rows": len(issues), "reasons": reasons}))
