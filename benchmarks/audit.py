"""How well planted label errors are found: ours, plain loss ranking and cleanlab on the same out-of-fold chances.

    python benchmarks/audit.py grocery fashion [--data FOLDER] [--seeds N] [--save FILE]

5 % of the labels of each audited attribute are flipped, evenly to another class; and 20 rows are planted twice with
another label. Goal: average precision of at least 0.5 on department, coarse, articleType, gender, not below plain loss
ranking nor cleanlab on the same chances; every planted double found. baseColour is reported only: its own labels are
noisy.
"""

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from facetwise.data import read_table
from facetwise.metrics import average_precision
from facetwise.studies import audit

SHARE, DOUBLES = 0.05, 20
AUDITED = {"grocery": ("department", "coarse"), "fashion": ("articleType", "gender", "baseColour")}
GOALS = {"department", "coarse", "articleType", "gender"}
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def _precision(suspicion: np.ndarray, wrong: np.ndarray) -> float:
    return float(average_precision(suspicion[:, None], wrong[:, None], np.ones((len(wrong), 1), dtype=bool))[0])


def _planted(table, columns, seed: int):
    """Columns of texts with flips and doubles; which cells were flipped; pairs of rows that contradict each other."""
    draw = np.random.default_rng(seed)
    cells = {name: table.column(name).astype(object).copy() for name in table.columns}
    flipped = {}
    for column in columns:
        texts = cells[column]
        classes, counts = np.unique([t for t in texts if t], return_counts=True)
        classes = classes[counts >= 5]  # what the audit knows as a class
        rows = np.flatnonzero(np.isin(texts, classes))
        chosen = draw.permutation(rows)[: round(SHARE * len(rows))]
        for row in chosen:
            texts[row] = draw.choice(classes[classes != texts[row]])
        flipped[column] = chosen
    sources = draw.permutation(len(table))[:DOUBLES]
    cells = {name: np.concatenate([texts, texts[sources]]) for name, texts in cells.items()}
    for number, row in enumerate(sources):
        texts = cells[columns[0]]
        texts[len(table) + number] = draw.choice(
            [c for c in np.unique(table.column(columns[0])) if c and c != texts[row]]
        )
    return {name: list(texts) for name, texts in cells.items()}, flipped, sources


def _measure(name: str, data: Path, seed: int) -> list[dict]:
    table, columns = read_table(data / name / "labels.csv"), AUDITED[name]
    cells, flipped, sources = _planted(table, columns, seed)
    began = time.perf_counter()
    found = audit(cells, images=data / name, seed=seed, pictures=False)
    seconds = time.perf_counter() - began
    told = {one.row for one in found.queue if one.kind == "contradiction" and one.attribute == columns[0]}
    doubles = sum({row, len(table) + n} <= told for n, row in enumerate(sources.tolist()))
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        get_label_quality_scores = None
    lines = []
    for column in columns:
        one = next(one for one in found.attributes if one.column == column)
        rows = found.rows[one.rows]
        own = rows < len(table)  # the doubles are another test
        wrong = np.isin(rows, flipped[column])[own]
        listed = one.found.chance[own] >= 0.5
        line = {
            "data": name, "seed": seed, "attribute": column, "labels": int(own.sum()), "flipped": int(wrong.sum()),
            "facetwise": _precision(one.found.score[own], wrong),
            "loss": _precision(-np.log(np.maximum(one.chances[np.arange(len(rows)), one.index], 1e-12))[own], wrong),
            "estimated_wrong": one.found.wrong, "confident_share": one.found.confident,
            "listed": int((one.found.chance[own] >= 0.5).sum()),
            "precision_of_listed": float(wrong[listed].mean()) if listed.any() else None,
            "planted_estimate": one.found.found,
        }  # fmt: skip
        for score in SCORES if get_label_quality_scores is not None else ():
            quality = get_label_quality_scores(one.index, one.chances.astype(np.float64), method=score)
            line[f"cleanlab_{score}"] = _precision(-quality[own], wrong)
        line |= {"doubles_found": doubles, "doubles": DOUBLES, "seconds": seconds}
        lines.append(line)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_sets", nargs="+", choices=sorted(AUDITED))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    lines = [
        line for name in given.data_sets for seed in range(given.seeds) for line in _measure(name, given.data, seed)
    ]
    missed = 0
    for line in lines:
        rivals = [line[key] for key in ("loss", *(f"cleanlab_{s}" for s in SCORES)) if key in line]
        # Two decimals: below that the order of a handful of cells decides.
        kept = line["facetwise"] >= 0.5 and line["facetwise"] >= max(rivals) - 0.005
        kept &= line["doubles_found"] == line["doubles"]
        missed += line["attribute"] in GOALS and not kept
        print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()),
              "" if kept else "BELOW THE GOAL" if line["attribute"] in GOALS else "(reported only)")  # fmt: skip
    if given.save:
        with tempfile.NamedTemporaryFile("w", dir=given.save.parent, delete=False, newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in line.items()} for line in lines]
            )
        Path(file.name).replace(given.save)
    return missed


if __name__ == "__main__":
    sys.exit(main())
