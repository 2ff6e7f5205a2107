"""facetwise with its defaults against a careful scikit-learn user: the same pictures, the same split, several seeds.

    python benchmarks/quality.py [TABLE ...] --seeds 5 --save

The scikit-learn user takes the last layer of the same backbone (its mean, standardised on training rows) and tunes, per
attribute or label, one `LogisticRegression(class_weight="balanced")` over C in .001, .01, .1 on validation, and per
number one `Ridge` over five strengths. Truth and class lists come from the table: classes with at least five training
rows. What facetwise decides is read from the run's saved predictions, twice: the value it would give if the attribute
applies, and the decision as it stands, where "not applicable" on a cell that has a value is an error. Times are those
after extraction; both sides read the same cached features.
"""

import argparse
import csv
import json
import os
import tempfile
import time
import warnings
from collections import Counter
from datetime import date
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pyarrow.parquet as pq
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

import facetwise as fw
from facetwise.data import read_table
from facetwise.schema import Attribute, Kind

STRENGTHS = (0.001, 0.01, 0.1)
RIDGES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
MIN_COUNT = 5
LAST_WIDTH = 1280  # the mean of the last map of lite0; its maximum follows


def macro_f1(truth: np.ndarray, given: np.ndarray) -> float:
    """Macro-F1 over the classes of the truth and the class-valued predictions; -1 is no class."""
    labels = np.unique(np.concatenate([truth, given[given >= 0]]))
    return float(f1_score(truth, given, labels=labels, average="macro", zero_division=0))


def coded(cells: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Class of every cell, -1 where it is empty or of a class with fewer than `MIN_COUNT` training rows."""
    counts = Counter(text for text in cells[train] if text)
    classes = sorted(text for text, count in counts.items() if count >= MIN_COUNT)
    where = {text: n for n, text in enumerate(classes)}
    return np.array([where.get(text, -1) for text in cells]), classes


def tuned(features: np.ndarray, target: np.ndarray, sides: dict[str, np.ndarray]) -> LogisticRegression | None:
    """The logistic regression that is best on validation; None where training has one class only."""
    train, val = sides["train"], sides["val"]
    if len(np.unique(target[train])) < 2:
        return None
    best, best_score = None, -1.0
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=300).fit(
            features[train], target[train]
        )
        score = macro_f1(target[val], model.predict(features[val])) if len(val) else 0.0
        if score > best_score:
            best, best_score = model, score
    return best


def scikit_learn(
    attribute: Attribute, cells: np.ndarray, features: np.ndarray, sides: dict[str, np.ndarray]
) -> dict[str, object] | None:
    """Predictions of the scikit-learn user on the test rows that have a label."""
    if attribute.kind is Kind.NUMERIC:
        number = np.array([float(text) if text else np.nan for text in cells])
        known = {side: rows[~np.isnan(number[rows])] for side, rows in sides.items()}
        best, best_error = None, np.inf
        for strength in RIDGES:
            model = Ridge(alpha=strength).fit(features[known["train"]], number[known["train"]])
            error = np.abs(model.predict(features[known["val"]]) - number[known["val"]]).mean()
            if error < best_error:
                best, best_error = model, error
        rows = known["test"]
        return {"rows": rows, "truth": number[rows], "given": best.predict(features[rows])}
    if attribute.kind is Kind.MULTILABEL:
        sets = [set(text.split(attribute.separator)) if text else None for text in cells]
        known = {side: np.array([row for row in rows if sets[row] is not None], int) for side, rows in sides.items()}
        counts = Counter(label for row in known["train"] for label in sets[row])
        labels = sorted(label for label, count in counts.items() if count >= MIN_COUNT)
        scores, rows = {}, known["test"]
        for label in labels:
            target = np.array([label in found if found else False for found in sets]).astype(int)
            model = tuned(features, target, known)
            given = model.predict(features[rows]) if model is not None else np.ones(len(rows), int)
            scores[label] = (target[rows], given)
        return {"rows": rows, "labels": scores}
    index, classes = coded(cells, sides["train"])
    known = {side: rows[index[rows] >= 0] for side, rows in sides.items()}
    if len(classes) < 2 or not len(known["test"]):
        return None
    model = tuned(features, index, known)
    return {
        "rows": known["test"],
        "classes": classes,
        "truth": index[known["test"]],
        "given": model.predict(features[known["test"]]),
    }


def answers(run: fw.Run) -> dict[str, dict[int, dict[str, object]]]:
    """Saved test predictions: attribute → table row → scores, state, decision, number."""
    found: dict[str, dict[int, dict[str, object]]] = {}
    for line in pq.read_table(run.path / "predictions" / "test.parquet").to_pylist():
        found.setdefault(line["attribute"], {})[line["item"]] = line
    return found


def compare(attribute: Attribute, theirs: dict[str, object], ours: dict[int, dict[str, object]]) -> dict[str, float]:
    """Figures of both sides on the same cells."""
    rows = theirs["rows"]
    if attribute.kind is Kind.NUMERIC:
        given = np.array([ours[int(row)]["scores"][0] for row in rows])
        errors = {"theirs": theirs["given"] - theirs["truth"], "ours": given - theirs["truth"]}
        return {
            "mae_ratio": float(np.abs(errors["ours"]).mean() / np.abs(errors["theirs"]).mean()),
            "rmse_ratio": float(np.sqrt((errors["ours"] ** 2).mean() / (errors["theirs"] ** 2).mean())),
        }
    if attribute.kind is Kind.MULTILABEL:
        figures = {"theirs": [], "decided": []}
        for label, (truth, given) in theirs["labels"].items():
            figures["theirs"].append(f1_score(truth, given, zero_division=0))
            decided = [int(label in ours[int(row)]["decision"]) for row in rows]
            figures["decided"].append(f1_score(truth, decided, zero_division=0))
        return {
            "theirs": mean(figures["theirs"]),
            "ours": mean(figures["decided"]),
            "decided": mean(figures["decided"]),
        }
    where = {name: n for n, name in enumerate(theirs["classes"])}
    lines = [ours[int(row)] for row in rows]
    decided = np.array([where.get(line["decision"][0], -1) if line["decision"] else -1 for line in lines])
    given = decided
    if attribute.kind is Kind.CATEGORICAL:
        given = np.array([where.get(attribute.classes[int(np.argmax(line["scores"]))], -1) for line in lines])
    else:  # a threshold or a median decides; where the decision is "not applicable", take the most probable class
        best = [where.get(attribute.classes[int(np.argmax(line["scores"]))], -1) for line in lines]
        given = np.where(decided >= 0, decided, best)
    return {
        "theirs": macro_f1(theirs["truth"], theirs["given"]),
        "ours": macro_f1(theirs["truth"], given),
        "decided": macro_f1(theirs["truth"], decided),
    }


def sides_of(run: fw.Run, table: Path, images: Path, folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The last layer's mean of every row, and the rows of each side of the run's split."""
    file = folder / "features.npy"
    fw.extract(table, images=images, to=file, levels="last")  # from the cache
    features = np.load(file)[:, :LAST_WIDTH]
    sides: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    with (run.path / "split.csv").open(newline="", encoding="utf-8") as lines:
        rows = np.flatnonzero(~np.isnan(features).any(axis=1))
        for place, line in enumerate(csv.DictReader(lines)):
            sides[line["side"]].append(int(rows[place]))
    return features, {side: np.array(rows, int) for side, rows in sides.items()}


def one_run(table: Path, images: Path, seed: int, options: dict[str, object]) -> dict[str, object]:
    """Both sides once."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = fw.train(table, images=images, out=Path(folder) / "run", seed=seed, **options)
        ours_seconds = time.perf_counter() - began
        features, split = sides_of(run, table, images, Path(folder))
        read = read_table(table)
        began = time.perf_counter()
        scaled = np.nan_to_num(StandardScaler().fit(features[split["train"]]).transform(features))
        theirs = {a.column: scikit_learn(a, read.column(a.column), scaled, split) for a in run.schema.attributes}
        theirs_seconds = time.perf_counter() - began
        given = answers(run)
        figures = {
            a.column: compare(a, theirs[a.column], given[a.column])
            for a in run.schema.attributes
            if theirs[a.column] is not None
        }
    classed = [figure for figure in figures.values() if "theirs" in figure]
    return {
        "seed": seed,
        "attributes": len(classed),
        **{name: mean(figure[name] for figure in classed) for name in ("theirs", "ours", "decided")},
        "numbers": {column: figure for column, figure in figures.items() if "mae_ratio" in figure},
        "errors_of_numbers": {
            name: mean(figure[name] for figure in figures.values() if name in figure)
            for name in ("mae_ratio", "rmse_ratio")
            if any(name in figure for figure in figures.values())
        },
        "seconds_ours": ours_seconds,
        "seconds_theirs": theirs_seconds,
        "by_attribute": figures,
    }


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("fashion", "grocery", "coffee_leaf")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="the development photos if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-quality-TABLES.json")
    parser.add_argument("--options", type=json.loads, default={}, help="configuration fields as JSON, for experiments")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    results: dict[str, list[dict[str, object]]] = {}
    for table in arguments.tables:
        name = table.resolve().parent.name
        fw.extract(table, images=table.parent)  # fills the cache, so that neither side pays for it
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            result = one_run(table, table.parent, seed, arguments.options)
            results.setdefault(name, []).append(result)
            print(
                f"{name} seed {seed}: {result['attributes']} attributes; macro-F1 "
                f"scikit-learn {result['theirs']:.4f}, facetwise {result['ours']:.4f} "
                f"(as decided {result['decided']:.4f}); "
                f"seconds {result['seconds_theirs']:.1f} and {result['seconds_ours']:.1f}; "
                f"{json.dumps(result['numbers'])}",
                flush=True,
            )
    print(
        "\n| table | attributes | scikit-learn | facetwise | as decided | gain | time ratio |"
        "\n|---|---|---|---|---|---|---|"
    )
    for name, runs in results.items():
        gains = [run["ours"] - run["theirs"] for run in runs]
        spread = f" ± {stdev(gains):.3f}" if len(gains) > 1 else ""
        ratio = mean(run["seconds_ours"] / run["seconds_theirs"] for run in runs)
        columns = " | ".join(f"{mean(run[key] for run in runs):.3f}" for key in ("theirs", "ours", "decided"))
        print(f"| {name} | {runs[0]['attributes']} | {columns} | {mean(gains):+.3f}{spread} | {ratio:.2f} |")
    if arguments.save:
        # Sums only: the labels of development photos are not ours to print.
        kept = (
            "seed",
            "attributes",
            "theirs",
            "ours",
            "decided",
            "seconds_theirs",
            "seconds_ours",
            "errors_of_numbers",
        )
        summary = {name: [{key: run[key] for key in kept} for run in runs] for name, runs in results.items()}
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-quality-{'-'.join(results)}.json"
        target.parent.mkdir(exist_ok=True)
        result = {"environment": fw.environment(), "options": arguments.options, "results": summary}
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
