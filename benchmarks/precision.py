"""How many values can be filled in at a promised precision, and how many could a careful scikit-learn user fill in?

    python benchmarks/precision.py [TABLE] [--columns A B] --seeds 3 --save

Trained with the goal `precision>=0.97` for every column; precision (with its exact 95 % interval) and share of values
given are those of the test cells that have a label. Beside it a `LogisticRegression` on the same features (the last
layer's mean, standardised), its C and class weights chosen on validation for the share given at that precision, and its
threshold there too: the least confidence above which so many validation answers are right. Where thresholds differ in
caution shares do not compare, so scikit-learn's share is told at the precision that ours reached on test as well, and
both are granted what no user has: the threshold at which the precision on the test cells is 0.97.

A column that does not apply everywhere has a second line, "and where it does not": cells that are known not to apply
are in, a value given there is a mistake, and scikit-learn has one class more for them. Without it scikit-learn is told
which cells apply, which for an empty cell nobody knows.
"""

import argparse
import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from quality import STRENGTHS, coded, sides_of
from scipy.stats import beta
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import facetwise as fw
from facetwise.data import encode, read_table
from facetwise.decisions import calibrate
from facetwise.inference import read_bundle, read_predictions
from facetwise.schema import NOT_APPLICABLE, VALUE

GOAL = 0.97
COLUMNS = ("articleType", "gender", "attr:Sleeve Length")


def interval(right: int, given: int) -> tuple[float, float]:
    """Clopper and Pearson's, 95 %."""
    low = 0.0 if right == 0 else float(beta.ppf(0.025, right, given - right + 1))
    return low, 1.0 if right == given else float(beta.ppf(0.975, right + 1, given - right))


@dataclass(frozen=True, slots=True)
class Answers:
    """Of the cells whose truth is known: how sure the value is, whether it is right, whether it is given; labelled."""

    sure: np.ndarray
    right: np.ndarray
    given: np.ndarray
    labelled: np.ndarray

    def surest(self, precision: float) -> np.ndarray:
        """Places of the most cells, surest first, of whose values so many are right."""
        order = np.argsort(-self.sure, kind="stable")
        kept = np.flatnonzero(np.cumsum(self.right[order]) / np.arange(1, len(order) + 1) >= precision)
        return order[: kept.max() + 1] if len(kept) else order[:0]

    def share_at(self, precision: float) -> float:
        """The share of the labelled cells that are among them."""
        return float(self.labelled[self.surest(precision)].sum() / self.labelled.sum())

    def least_at(self, precision: float) -> float:
        """The confidence of the last of them; above every confidence where there is none."""
        places = self.surest(precision)
        return float(self.sure[places[-1]]) if len(places) else 2.0


def scikit_learn(features: np.ndarray, index: np.ndarray, sides: dict[str, np.ndarray], absent: int) -> Answers:
    """On the test cells, of the model that gives most values on validation at the goal.

    Args:
        features: (row, feature), standardised.
        index: (row,) class; `absent` where the attribute does not apply; below 0 where nothing is known.
        sides: Rows of each side.
        absent: The class that is no value.
    """
    known = {side: rows[index[rows] >= 0] for side, rows in sides.items()}

    def answers(model: LogisticRegression, rows: np.ndarray, least: float) -> Answers:
        chances = model.predict_proba(features[rows])
        chances = np.where(model.classes_ == absent, 0.0, chances)  # the surest value
        sure, said = chances.max(axis=1), model.classes_[chances.argmax(axis=1)]
        return Answers(sure, said == index[rows], sure >= least, index[rows] != absent)

    best, most = None, -1.0
    for strength in STRENGTHS:
        for weight in (None, "balanced"):
            model = LogisticRegression(C=strength, class_weight=weight, max_iter=300)
            model.fit(features[known["train"]], index[known["train"]])
            if (share := answers(model, known["val"], 0.0).share_at(GOAL)) > most:
                best, most = model, share
    assert best is not None
    return answers(best, known["test"], answers(best, known["val"], 0.0).least_at(GOAL))


def line_of(ours: Answers, theirs: Answers) -> dict[str, Any]:
    """The figures of both sides."""
    told: dict[str, Any] = {"labelled": int(ours.labelled.sum())}
    for name, answers in (("ours", ours), ("theirs", theirs)):
        count, right = int(answers.given.sum()), int((answers.right & answers.given).sum())
        low, high = interval(right, count) if count else (0.0, 1.0)
        told[name] = {
            "precision": right / count if count else None, "low": low, "high": high,
            "share": float(answers.labelled[answers.given].sum() / answers.labelled.sum()),
            "granted": answers.share_at(GOAL),
        }  # fmt: skip
    reached = told["ours"]["precision"]
    told["theirs_at_ours"] = None if reached is None else theirs.share_at(reached)
    return told


def one_seed(table: Path, columns: list[str], seed: int) -> list[dict[str, Any]]:
    """Both sides, column by column."""
    with tempfile.TemporaryDirectory() as folder:
        goals = dict.fromkeys(columns, f"precision>={GOAL}")
        run = fw.train(table, images=table.parent, out=Path(folder) / "run", seed=seed, goals=goals)
        features, split = sides_of(run, table, table.parent, Path(folder))
        read = read_table(table)
        scaled = np.nan_to_num(StandardScaler().fit(features[split["train"]]).transform(features))
        told, bundle = [], read_bundle(run.path / "bundle")
        file = run.path / "predictions" / "test.parquet"
        items, _, decisions = read_predictions(file, run.schema, bundle.thresholds, bundle.policy)
        at = {int(item): number for number, item in enumerate(items)}
        chances, applies = calibrate(run.schema, bundle.policy.calibration, decisions.scores, decisions.applies)
        states = encode(run.schema, read)[0].state
        for column in columns:
            index, classes = coded(read.column(column), split["train"])
            own, place = run.schema.attribute(column).classes, run.schema.index[column]
            absent = len(classes)
            everything = np.where((index < 0) & (states[:, place] == NOT_APPLICABLE), absent, index)
            for cells, truth in (("labelled", index), ("and where it does not apply", everything)):
                if cells != "labelled" and (truth == index).all():
                    continue
                rows = split["test"][truth[split["test"]] >= 0]
                here, block = np.array([at[int(row)] for row in rows]), run.schema.layout().blocks[place]
                best = decisions.index[here, place]
                sure = applies[here, place] * chances[here, block.score_start + best]
                names = np.array([*classes, None], object)[truth[rows]]
                right, given = np.array(own, object)[best] == names, decisions.state[here, place] == VALUE
                ours = Answers(sure, right, given, truth[rows] != absent)
                theirs = scikit_learn(scaled, truth, split, absent)
                told.append({"seed": seed, "column": column, "cells": cells, **line_of(ours, theirs)})
                print(json.dumps(told[-1]), flush=True)
    return told


def page(lines: list[dict[str, Any]]) -> list[str]:
    """One line per column and seed."""
    heads = ("column", "cells", "seed", "labels", "precision, 95 % interval", "reached", "values given",
             "scikit-learn at that precision", "its own threshold: precision", "values given",
             f"at {GOAL} on test", "scikit-learn there")  # fmt: skip
    told = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in lines:
        ours, theirs, beside = one["ours"], one["theirs"], one["theirs_at_ours"]
        none = ours["precision"] is None
        cells = [
            one["column"], one["cells"], f"{one['seed']}", f"{one['labelled']:,}",
            "" if none else f"{ours['precision']:.3f}, {ours['low']:.3f} to {ours['high']:.3f}",
            "no value given" if none else "yes" if ours["high"] >= GOAL else "NO", f"{ours['share']:.1%}",
            "" if beside is None else f"{beside:.1%}",
            "" if theirs["precision"] is None else f"{theirs['precision']:.3f}", f"{theirs['share']:.1%}",
            f"{ours['granted']:.1%}", f"{theirs['granted']:.1%}",
        ]  # fmt: skip
        told.append(f"| {' | '.join(cells)} |")
    return told


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("table", nargs="?", type=Path, default=photos / "fashion" / "labels.csv")
    parser.add_argument("--columns", nargs="*", default=list(COLUMNS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-precision.md")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    lines = [line for seed in range(given.seeds) for line in one_seed(given.table, given.columns, seed)]
    print("\n" + "\n".join(page(lines)))
    if given.save:
        packages = fw.environment()["packages"]
        about = ", ".join(f"{key} {packages.get(key)}" for key in ("facetwise", "torch"))
        out = Path(__file__).parent / "results" / f"{date.today()}-precision.md"
        title = f"# Values at a precision of {GOAL} on {given.table.resolve().parent.name}, {date.today()}"
        head = [title, "", f"`python benchmarks/precision.py`; {about}.", ""]
        out.write_text("\n".join([*head, *page(lines)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
