"""What a sweep has found: its trials, the winner, and what became of each."""

import csv
import io
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Sweep", "SweepTrial", "told_of", "trials_csv"]


@dataclass(frozen=True, kw_only=True)
class SweepTrial:
    """One trial: its settings, its validation score (None where pruned or failed), and what became of it."""

    number: int
    settings: tuple[str, ...]
    score: float | None
    epochs: int
    state: str
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep has found.

    Args:
        select_by: The score.
        trials: In order.
        best: The one with the best validation score.
        validation: That score.
        test: The same score on the test rows; None where there are none.
        overall: Its metrics on the test rows.
        looks: How many winners the test rows have been shown to, over all continuations: beyond 1 they begin to
            select.
    """

    select_by: str
    trials: tuple[SweepTrial, ...]
    best: SweepTrial
    validation: float
    test: float | None
    overall: dict[str, Any] = field(default_factory=dict)
    looks: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def told_of(one: Any) -> SweepTrial:
    """What is told of a trial of the journal."""
    names = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "not trained"}
    return SweepTrial(
        number=one.number,
        settings=tuple(one.user_attrs.get("settings", ())),
        score=one.value if one.state.name == "COMPLETE" else None,
        epochs=one.user_attrs.get("epochs", 0),
        state="as before" if one.user_attrs.get("again") else names[one.state.name],
        error=one.user_attrs.get("error"),
    )


def trials_csv(found: Sweep) -> str:
    """One line per trial."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("trial", "state", "validation", "epochs", "settings"))
    for one in found.trials:
        value = "" if one.score is None else one.score
        writer.writerow((one.number, one.state, value, one.epochs, "; ".join(one.settings)))
    return text.getvalue()
