"""Predictions as text: a value, an open question, or 'does not apply'."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facetwise.cli._screen import Screen

if TYPE_CHECKING:
    from facetwise.decisions import RuleCount
    from facetwise.inference import Cell

__all__ = ["ABSTAINED", "NOT_APPLICABLE", "VALUE", "answer", "show_answers", "show_rules"]

VALUE, ABSTAINED, NOT_APPLICABLE = "value", "abstained", "not_applicable"
# A row of a terminal holds about this many attributes beside the picture's name.
COLUMNS_SHOWN = 6
# Rules that mattered most; the machine's document has all.
RULES_SHOWN = 5


def answer(cell: "Cell", *, confidence: bool = False) -> str:
    """One cell for people: the value, `?` for an abstention, `-` where the attribute does not apply."""
    if cell.state == NOT_APPLICABLE:
        return "-"
    if cell.state == ABSTAINED:
        return "?"
    if isinstance(cell.value, float):
        return f"{cell.value:.4g}"
    text = "|".join(map(str, cell.value)) if isinstance(cell.value, (list, tuple)) else str(cell.value)
    sure = cell.confidence if confidence else None
    return text if sure is None or sure != sure else f"{text} {sure:.0%}"


def show_answers(screen: Screen, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, limit: int = 8) -> None:
    """The first rows, as many columns as a terminal holds, and what is not shown."""
    shown = list(columns[:COLUMNS_SHOWN])
    body = []
    for row in rows[:limit]:
        cells = [f"unreadable: {row['issue']}"] if row["issue"] is not None else [answer(row[c]) for c in shown]
        body.append([row["image"], *cells, *[""] * (len(shown) - len(cells))])
    screen.table(["image", *shown], body)
    hidden = [f"{len(rows) - limit:,} more pictures"] if len(rows) > limit else []
    hidden += [f"{len(columns) - len(shown)} more attributes"] if len(columns) > len(shown) else []
    if hidden:
        screen.say(f"... and {' and '.join(hidden)}")


def show_rules(screen: Screen, rules: Sequence["RuleCount"]) -> None:
    """What rules between attributes did to the answers: how many they changed, and how many break them still."""
    if not rules:
        return
    screen.result(f"{len(rules):,} rules between attributes mattered:")
    for one in rules[:RULES_SHOWN]:
        left = f", {one.left:,} break it still" if one.left else ""
        screen.result(f"  {one.rule} ({'declared' if one.declared else 'mined'}): {one.repaired:,} repaired{left}")
    if len(rules) > RULES_SHOWN:
        screen.result(f"  and {len(rules) - RULES_SHOWN:,} more")
