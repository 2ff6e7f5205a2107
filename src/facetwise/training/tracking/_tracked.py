"""A run that a tracker listens to."""

import json
import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from facetwise.config import Config
from facetwise.errors import UserError
from facetwise.events import Event, Report
from facetwise.inference import write_json
from facetwise.training.tracking._none import NoTracker
from facetwise.training.tracking._tracker import Tracker

__all__ = ["flat", "tracked"]

# What of a run folder is worth keeping beside the curves; a few megabytes.
FILES = (
    "metrics.json", "config.yaml", "schema.yaml", "environment.json", "depth.json", "diagnostics.json",
    "log.jsonl", "report.html",
)  # fmt: skip
MEMORY = "tracker.json"


def flat(numbers: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """The numbers of nested dictionaries by their path; what is no finite number is left out.

    >>> flat({"epoch": 2, "losses": {"colour": 0.5, "size": None}, "best": []})
    {'epoch': 2.0, 'losses/colour': 0.5}
    """
    found: dict[str, float] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[f"{before}{name}"] = float(value)
    return found


class _Listener:
    """Tells the tracker what a report tells, until the tracker fails; the run does not."""

    def __init__(self, tracker: Tracker, report: Report) -> None:
        self.tracker, self.report, self.well = tracker, report, True

    def __call__(self, event: Event) -> None:
        self.report(event)
        if event.kind in ("epoch", "row") and event.data is not None:
            self.ask(partial(self.tracker.row, flat(event.data), step=int(event.data["step"])))

    def ask(self, what: Callable[[], None]) -> None:
        """Have the tracker do something; what its library raises ends the tracking, with a notice."""
        if not self.well:
            return
        try:
            what()
        except self.tracker.failures as error:
            self.well = False
            words = f"the tracker failed and is left alone from here on: {error}. log.jsonl has everything"
            self.report(Event("notice", words, data={"code": "tracker"}))


@contextmanager
def tracked(tracker: Tracker, folder: Path, config: Config, report: Report) -> Generator[Report]:
    """A report that a tracker hears too; at the end, where nothing was raised, it gets the result and the files.

    Args:
        tracker: What listens.
        folder: The run folder; `tracker.json` in it holds what a continued run is called there.
        config: The resolved configuration.
        report: The report that hears everything first.

    Raises:
        UserError: The tracker cannot begin; nothing has been trained yet.
    """
    if isinstance(tracker, NoTracker):
        yield report
        return
    memory, own = folder / MEMORY, config.tracker.name
    earlier = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    if not isinstance(earlier, dict):
        raise UserError(f"{memory} is damaged. Fix: remove it; tracking begins anew")
    name = tracker.begin(
        config.model_dump(mode="json"), earlier=earlier.get("id") if earlier.get("tracker") == own else None
    )
    write_json(memory, {"tracker": own, "id": name})
    listener = _Listener(tracker, report)
    try:
        yield listener
        overall = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        files = [folder / file for file in FILES if (folder / file).is_file()]
        listener.ask(partial(tracker.end, flat({overall["split"]: overall["overall"]}), files))
    finally:
        listener.ask(tracker.close)
