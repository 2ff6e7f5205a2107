"""Do training rows that vote beside the network cost anything, and do they help where a class has few of them?

    python benchmarks/neighbours.py [TABLE ...] --seeds 5 --save

Every table is trained with and without votes, on the same splits with the same seeds, and measured on the test rows.
Per table: macro-F1 (mean over attributes), and macro-F1 over the common, medium and rare classes of its attributes with
ten classes and more (by training cells: 100 make a class common, fewer than 20 rare). Differences are seed by seed,
with the 95 % interval of their mean.

Each finished training is a line of the results file, and is not done again.
"""

import argparse
import json
import os
import tempfile
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import facetwise as fw

# Student's t, two-sided 95 %, by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
BANDS = ("common", "medium", "rare")
# Attributes with fewer classes have no tail.
CLASSES = 10
Key = tuple[str, int, bool]


def measured(table: Path, seed: int, *, votes: bool) -> dict[str, float]:
    """One training: macro-F1 over all, and over classes by how common they are."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        found = fw.train(table, images=table.parent, out=out, seed=seed, neighbours=votes).metrics
    scores = {"all": found["overall"]["mean_macro_f1"]}
    for band in BANDS:
        own = [
            one["frequency"][band]["macro_f1"]
            for one in found["attributes"].values()
            if len(one.get("per_class") or ()) >= CLASSES and (one.get("frequency") or {}).get(band, {}).get("cells")
        ]
        if own:
            scores[band] = mean(own)
    return scores


def read_cells(path: Path) -> dict[Key, dict[str, float]]:
    """Finished trainings."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {(one["table"], one["seed"], one["votes"]): one["scores"] for one in map(json.loads, lines)}


def page(cells: dict[Key, dict[str, float]]) -> list[str]:
    """One line per table and band."""
    lines = ["| table | classes | seeds | network alone | with votes | difference |", "|---|---|---|---|---|---|"]
    for table in dict.fromkeys(name for name, _, _ in cells):
        seeds = sorted(seed for name, seed, votes in cells if name == table and votes and (name, seed, False) in cells)
        for band in ("all", *BANDS):
            pairs = [(cells[table, seed, True].get(band), cells[table, seed, False].get(band)) for seed in seeds]
            both = [(a, b) for a, b in pairs if a is not None and b is not None]
            if not both:
                continue
            apart = [100 * (a - b) for a, b in both]
            half = T95.get(len(apart) - 1, 1.96) * stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
            lines.append(
                f"| {table} | {band} | {len(both)} | {mean(b for _, b in both):.3f} | {mean(a for a, _ in both):.3f} | "
                f"{mean(apart):+.1f} ± {half:.1f} points |"
            )
    return lines


def main() -> None:
    """Train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("grocery", "coffee_leaf", "pokesprite", "fashion")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="the development photos if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=Path("neighbours.jsonl"), help="finished ones; added to")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-neighbours.md")
    given = parser.parse_args()
    for table in given.tables:
        name = table.resolve().parent.name
        for seed, votes in ((seed, votes) for seed in range(given.seeds) for votes in (False, True)):
            if (name, seed, votes) in read_cells(given.results):
                continue
            cell: dict[str, Any] = {"table": name, "seed": seed, "votes": votes}
            cell["scores"] = measured(table, seed, votes=votes)
            with given.results.open("a", encoding="utf-8") as sink:
                sink.write(json.dumps(cell) + "\n")
            print(json.dumps(cell), flush=True)
    lines = page(read_cells(given.results))
    print("\n" + "\n".join(lines))
    if given.save:
        packages = fw.environment()["packages"]
        about = ", ".join(f"{key} {packages.get(key)}" for key in ("facetwise", "torch"))
        head = [
            f"# Votes of neighbours, {date.today()}",
            "",
            f"`python benchmarks/neighbours.py`; {about}; test rows.",
            "",
        ]
        out = Path(__file__).parent / "results" / f"{date.today()}-neighbours.md"
        out.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
