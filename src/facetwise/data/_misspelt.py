"""Texts that are no class, and the class that each of them probably means; shown, never put in its place."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

__all__ = ["meant_class", "shown_classes"]

_LIKENESS = 0.8
# Texts times classes; more comparisons would take longer than the hint is worth.
_MOST_COMPARED = 20_000


def meant_class(text: str, classes: Sequence[str]) -> str:
    """The class that a text probably means, or "": the same in other capitals, or a slip of the pen away.

    >>> meant_class("watches", ["Shirts", "Watches"]), meant_class("Watchs", ["Shirts", "Watches"])
    ('Watches', 'Watches')
    >>> meant_class("shelf 11", ["shelf 10", "shelf 12"])
    ''
    """
    digits = re.findall(r"\d+", text)
    able = [name for name in classes if re.findall(r"\d+", name) == digits]
    same = next((name for name in able if name.casefold() == text.casefold()), None)
    return same or next(iter(get_close_matches(text, able, 1, _LIKENESS)), "")


def shown_classes(names: Collection[str], classes: Sequence[str], most: int) -> str:
    """The first of some texts that are no class, those first that probably mean one."""
    compared = list(names)[: _MOST_COMPARED // max(len(classes), 1)]
    meant = {name: found for name in compared if (found := meant_class(name, classes))}
    ordered = [*meant, *(name for name in names if name not in meant)]
    hints = {name: f" (did you mean {found!r}?)" for name, found in meant.items()}
    shown = ", ".join(f"{name!r}{hints.get(name, '')}" for name in ordered[:most])
    return shown + (", ..." if len(ordered) > most else "")
