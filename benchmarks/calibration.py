"""How far is confidence from being right after fitting, beside what chance does to a calibrated model of that size?

    python benchmarks/calibration.py [TABLE] --seeds 3 --save
    python benchmarks/calibration.py --run RUN

Per attribute with at least 200 validation labels (`--fewest`): the calibration error on validation, where everything
was fitted, and on test, each with its bound: the 95th percentile of what a perfectly calibrated model with these
confidences shows. By chance one error in twenty lies beyond it, so the last lines have the count beside what chance
makes likely.
"""

import argparse
import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from scipy.stats import binom

import facetwise as fw
from facetwise.inference import read_bundle, read_predictions
from facetwise.metrics import measure_calibration
from facetwise.schema import VALUE

SIDES = ("val", "test")


def lines_of(folder: Path, seed: int, fewest: int) -> list[dict[str, Any]]:
    """Of a finished run: one line per attribute."""
    bundle = read_bundle(folder / "bundle")
    told: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        path = folder / "predictions" / f"{side}.parquet"
        _, labels, decisions = read_predictions(path, bundle.schema, bundle.thresholds, bundle.policy)
        rows = dict(zip(bundle.schema.index, (labels.state == VALUE).sum(axis=0).tolist(), strict=True))
        for column, found in measure_calibration(bundle.schema, labels, decisions).items():
            line = told.setdefault(column, {"column": column, "seed": seed})
            line |= {
                f"{side}_labels": rows[column],
                side: found["error"],
                f"{side}_bound": found["error_if_calibrated"],
            }
    return [line for line in told.values() if line.get("val_labels", 0) >= fewest and "test" in line]


def page(lines: list[dict[str, Any]]) -> list[str]:
    """One line per attribute and seed, and how many are beyond their bound."""
    heads = ("column", "seed", *(f"{side}{what}" for side in SIDES for what in (" labels", "", " bound")))
    told = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in lines:
        cells = [one["column"], str(one["seed"])]
        for side in SIDES:
            error, bound = one[side], one[f"{side}_bound"]
            text = f"**{error:.4f}**" if error > bound else f"{error:.4f}"
            cells += [f"{one[f'{side}_labels']:,}", text, f"{bound:.4f}"]
        told.append(f"| {' | '.join(cells)} |")
    for side in SIDES:
        beyond = sum(one[side] > one[f"{side}_bound"] for one in lines)
        likely = int(binom.ppf(0.95, len(lines), 0.05))
        told += ["", f"{side}: {beyond} of {len(lines)} beyond the bound; up to {likely} are likely by chance alone."]
    return told


def main() -> None:
    """Train or read, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("table", nargs="?", type=Path, default=photos / "fashion" / "labels.csv")
    parser.add_argument("--run", type=Path, help="a finished run; nothing is trained")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fewest", type=int, default=200, help="validation labels that an attribute needs")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-calibration.md")
    given = parser.parse_args()
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds if given.run is None else 1):
            path = given.run or Path(folder) / str(seed)
            if given.run is None:
                fw.train(given.table, images=given.table.parent, out=path, seed=seed)
            lines += lines_of(path, seed, given.fewest)
            print(*(json.dumps(line) for line in lines if line["seed"] == seed), sep="\n", flush=True)
    print("\n" + "\n".join(page(lines)))
    if given.save:
        packages = fw.environment()["packages"]
        about = ", ".join(f"{key} {packages.get(key)}" for key in ("facetwise", "torch"))
        name = str(given.run) if given.run is not None else given.table.resolve().parent.name
        head = [
            f"# Calibration errors on {name}, {date.today()}",
            "",
            f"`python benchmarks/calibration.py`; {about}.",
            "",
        ]
        out = Path(__file__).parent / "results" / f"{date.today()}-calibration.md"
        out.write_text("\n".join([*head, *page(lines)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
