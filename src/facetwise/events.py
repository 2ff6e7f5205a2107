"""What long work tells whoever started it: stages, progress, epochs, notices. The command line draws them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Event", "Report", "silent"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Args:
        kind: `stage` (a new step of the work), `progress` (done of total), `epoch` (data has the numbers), `row` (now
            and then in an epoch; data has the numbers), `estimate` (what is about to be done; data has the seconds
            that are `left`), `notice` (something the user should know), `summary` (lines
            about the model or the result).
        message: One line for people.
        done, total: Progress.
        data: Numbers for programs.
    """

    kind: Literal["stage", "progress", "epoch", "row", "estimate", "notice", "summary"]
    message: str
    done: int = 0
    total: int = 0
    data: dict[str, Any] | None = None


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""
    del event
