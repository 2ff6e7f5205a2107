"""Which rows of a labelled table a run has seen already: how good it is on these says little about others."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.data import Table, group_cells, read_split
from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report
from facetwise.training import FinishedRun

__all__ = ["SeenRows", "choose_rows", "seen_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRows:
    """Rows that a run has seen; all (row,) bool, and no row in both.

    Args:
        train: It was trained on the same picture, or on one of the same group, or has learnt a class from it.
        val: The same of its validation side, by which the checkpoint, thresholds and calibration were chosen.
    """

    train: np.ndarray
    val: np.ndarray

    def counts(self, rows: np.ndarray, *, left_out: bool) -> dict[str, int]:
        """Of some rows, (row,) bool, how many are `train`, `val`, and `left_out` of the scores."""
        train, val = int((self.train & rows).sum()), int((self.val & rows).sum())
        return {"train": train, "val": val, "left_out": train + val if left_out else 0}


def seen_rows(run: FinishedRun, table: Table, rows: np.ndarray, digests: Sequence[str | None]) -> SeenRows | None:
    """Compare a table with the sides of a run; None where the run says nothing about its sides (it was fetched).

    Pictures are compared by the SHA-256 of their bytes, whatever they are called; groups by the cell of the run's group
    column, where the table has it: two photos of one product are no two pieces of evidence.

    Args:
        run: The run.
        table: The table.
        rows: Those of its rows that are scored.
        digests: Of their pictures.
    """
    path = run.path / "split.csv"
    if not path.is_file():
        return None
    split, keys = read_split(path), group_cells(table.take(rows), run.schema)
    found = {}
    for side in ("train", "val"):
        own = split.rows(side).tolist()
        pictures = {split.digests[row] for row in own} - {""}
        if side == "train":
            pictures |= _learnt_from(run)
        hit = np.array([digest in pictures for digest in digests], dtype=bool)
        if keys is not None and split.keys:
            groups = {split.keys[row].strip() for row in own} - {""}
            hit |= np.array([key in groups for key in keys], dtype=bool)
        found[side] = hit
    return SeenRows(train=found["train"], val=found["val"] & ~found["train"])


def choose_rows(seen: SeenRows | None, count: int, *, table: str, run: str, unseen: bool, report: Report) -> np.ndarray:
    """(row,) bool: the rows to score, all of them or those never seen; what that means for the scores is said.

    Args:
        seen: From `seen_rows`.
        count: How many rows.
        table, run: As the user calls them.
        unseen: Whether rows that were seen are left out.
        report: Told.

    Raises:
        RunError: They are to be left out, and the run does not say which.
        UserError: All are to be left out.
    """
    every = np.ones(count, dtype=bool)
    if seen is None:
        if unseen:
            raise RunError(
                f"--unseen compares the table with the split.csv of the run. Found none in {run}. "
                "Fix: leave --unseen away, or evaluate where the run was trained"
            )
        message = f"{run} has no split.csv: whether rows of {table} were trained on, and score too well, is not known"
        report(Event("notice", message, data={"code": "seen_unknown"}))
        return every
    told = seen.counts(every, left_out=unseen)
    if not told["train"] + told["val"]:
        return every
    shown = (
        f"{told['train']:,} of {count:,} rows of {table} show what the run was trained on, and {told['val']:,} what "
        "its checkpoint and thresholds were chosen by (same picture, or same group)"
    )
    data = {"code": "seen_rows", "rows": count, **told}
    if not unseen:
        fix = (
            "scores on these are better than on new pictures. Fix: --unseen leaves these rows out; "
            f"`facetwise evaluate {run}` without a table scores the run's own test rows"
        )
        report(Event("notice", f"{shown}: {fix}", data=data))
        return every
    kept = ~(seen.train | seen.val)
    if not kept.any():
        raise UserError(
            f"--unseen scores the rows that the run has not seen. Found none: {shown}. Fix: give a table with other "
            "pictures"
        )
    report(Event("notice", f"{shown}: left out, {int(kept.sum()):,} rows are scored", data=data))
    return kept


def _learnt_from(run: FinishedRun) -> set[str]:
    """Digests of the pictures that the run learnt classes from, beside its table."""
    told = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    return {digest for one in told.get("learnt", ()) for digest in one["pictures"]}
