"""How many values can be filled in at a promised precision, and how many could a careful scikit-learn user fill in?

    python benchmarks/precision.py [TABLE] [--columns A B] --seeds 3 --save

Trained with the goal `precision>=0.97` for every column; precision (with its exact 95 % interval) and share of values
given are those of the test cells that have a label. Beside it a `LogisticRegression` on the same features (the last
layer's mean, standardised), its C and class weights chosen on validation for the share given at that precision. Where
thresholds differ in caution shares do not compare, so both are also granted what no user has: the threshold at which
the precision on the test cells is 0.97.
"""

import argparse
import json
import os
import tempfile
import warnings
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
from facetwise.data import read_table
from facetwise.decisions import calibrate
from facetwise.inference import read_bundle, read_predictions
from facetwise.schema import VALUE

GOAL = 0.97
COLUMNS = ("articleType", "gender", "attr:Sleeve Length")


def interval(right: int, given: int) -> tuple[float, float]:
    """Clopper and Pearson's, 95 %."""
    low = 0.0 if right == 0 else float(beta.ppf(0.025, right, given - right + 1))
    return low, 1.0 if right == given else float(beta.ppf(0.975, right + 1, given - right))


def share_at(confidence: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The largest share of the cells, surest first, of which so many are right."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.cumsum(right[order]) / np.arange(1, len(order) + 1) >= precision
    return float((np.flatnonzero(kept).max() + 1) / len(order)) if kept.any() else 0.0


def scikit_learn(
    features: np.ndarray, index: np.ndarray, sides: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and rightness on the test cells, of the model that gives most values on validation."""
    known = {side: rows[index[rows] >= 0] for side, rows in sides.items()}
    best, most = None, -1.0
    for strength in STRENGTHS:
        for weight in (None, "balanced"):
            model = LogisticRegression(C=strength, class_weight=weight, max_iter=300)
            model.fit(features[known["train"]], index[known["train"]])
            chances = model.predict_proba(features[known["val"]])
            right = model.classes_[chances.argmax(axis=1)] == index[known["val"]]
            if (share := share_at(chances.max(axis=1), right, GOAL)) > most:
                best, most = model, share
    assert best is not None
    chances = best.predict_proba(features[known["test"]])
    return chances.max(axis=1), best.classes_[chances.argmax(axis=1)] == index[known["test"]]


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
        for column in columns:
            index, classes = coded(read.column(column), split["train"])
            rows = split["test"][index[split["test"]] >= 0]
            own, place = run.schema.attribute(column).classes, run.schema.index[column]
            here, block = np.array([at[int(row)] for row in rows]), run.schema.layout().blocks[place]
            truth, best = [classes[index[row]] for row in rows], decisions.index[here, place]
            sure = applies[here, place] * chances[here, block.score_start + best]
            states = zip(decisions.state[here, place], best, strict=True)
            decided = [own[value] if state == VALUE else None for state, value in states]
            right = sum(value == true for value, true in zip(decided, truth, strict=True))
            count = sum(value is not None for value in decided)
            low, high = interval(right, count) if count else (0.0, 1.0)
            told.append(
                {"seed": seed, "column": column, "labelled": len(rows), "precision": right / count if count else None,
                 "low": low, "high": high, "share": count / len(rows),
                 "granted": share_at(sure, np.array(own)[best] == np.array(truth), GOAL),
                 "theirs": share_at(*scikit_learn(scaled, index, split), GOAL)}
            )  # fmt: skip
            print(json.dumps(told[-1]), flush=True)
    return told


def page(lines: list[dict[str, Any]]) -> list[str]:
    """One line per column and seed."""
    heads = ("column", "seed", "labels", "precision, 95 % interval", "reached", "values given", f"at {GOAL} on test",
             f"scikit-learn at {GOAL} on test")  # fmt: skip
    told = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in lines:
        reached = "no value given" if one["precision"] is None else "yes" if one["high"] >= GOAL else "NO"
        precision = "" if one["precision"] is None else f"{one['precision']:.3f}, {one['low']:.3f} to {one['high']:.3f}"
        told.append(
            f"| {one['column']} | {one['seed']} | {one['labelled']:,} | {precision} | {reached} | {one['share']:.1%} | "
            f"{one['granted']:.1%} | {one['theirs']:.1%} |"
        )
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
