"""Is an attribute that joins a finished run as good as one that was there from the beginning?

    python benchmarks/growth.py [TABLE ...] --seeds 5 --save

Of every table two attributes are left out in turn; the run without the attribute is given it by `add_attribute`, and
the attribute's score on the test rows is held against that of a run that was trained with all attributes, on the same
split. Beside it what the added model would be on the features alone, without the run's own representation as a level.
The digests of everything that is said of the old attributes must be equal, or the script ends with an error.

Each finished cell (table, seed, attribute, way) is a line of the results file, and is not computed again; the runs
that they share stay in `--runs`.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

import facetwise as fw
from facetwise.runs import _adding

# Of every development table one attribute with few classes and one with many, or with an order.
HELD = {
    "grocery": ("pack_brand", "fine"),
    "coffee_leaf": ("predominant_stress", "severity"),
    "fashion": ("baseColour", "usage"),
}
# Student's t, two-sided 95 %, by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
WAYS = ("full", "added", "alone")
Key = tuple[str, int, str, str]


def run_at(path: Path, table: Path, **options: Any) -> fw.Run:
    """The run there, trained now if it is not."""
    if (path / "bundle" / "bundle.json").is_file():
        return fw.load(path)
    return fw.train(table, images=table.parent, out=path, overwrite=path.exists(), **options)


def one_cell(table: Path, seed: int, column: str, way: str, runs: Path) -> dict[str, Any]:
    """The attribute's test score, one way."""
    name, began = table.resolve().parent.name, time.perf_counter()
    if way == "full":
        full = run_at(runs / f"{name}-{seed}-full", table, seed=seed)
        return {"score": full.metrics["attributes"][column]["macro_f1"], "seconds": time.perf_counter() - began}
    base = run_at(runs / f"{name}-{seed}-{column}", table, seed=seed, exclude=[column])
    level = _adding.with_representation
    if way == "alone":
        _adding.with_representation = lambda made, own, *_: (made, own)
    try:
        with tempfile.TemporaryDirectory() as folder:
            added = base.add_attribute(table, column, out=Path(folder) / "grown", images=table.parent)
    finally:
        _adding.with_representation = level
    assert added.before == added.after, "old answers have changed"
    return {"score": added.score["macro_f1"], "seconds": added.seconds, "split": added.split}


def read_cells(path: Path) -> dict[Key, dict[str, Any]]:
    """Finished cells."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {(one["table"], one["seed"], one["column"], one["way"]): one for one in map(json.loads, lines)}


def interval(values: list[float]) -> str:
    """Mean and half of its 95 % interval, in points."""
    if len(values) < 2:
        return f"{100 * values[0]:+.1f}"
    half = T95.get(len(values) - 1, 1.96) * stdev(values) / len(values) ** 0.5
    return f"{100 * mean(values):+.1f} ± {100 * half:.1f}"


def page(cells: dict[Key, dict[str, Any]]) -> list[str]:
    """One line per attribute, one per table."""
    lines = ["| table | attribute | seeds | full, macro-F1 | added | features alone | added - full, points | "
             "alone - full, points | seconds |", "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    told: dict[str, list[tuple[str, int]]] = {}
    for table, seed, column, _ in cells:
        if all((table, seed, column, way) in cells for way in WAYS) and (column, seed) not in told.get(table, []):
            told.setdefault(table, []).append((column, seed))
    for table, done in told.items():
        columns = list(dict.fromkeys(column for column, _ in done))
        for label, chosen in [*((column, [column]) for column in columns), ("both", columns)]:
            places = [(column, seed) for column, seed in done if column in chosen]
            of = {way: [cells[table, seed, column, way]["score"] for column, seed in places] for way in WAYS}
            apart = {way: [a - b for a, b in zip(of[way], of["full"], strict=True)] for way in WAYS[1:]}
            seconds = mean(cells[table, seed, column, "added"]["seconds"] for column, seed in places)
            lines.append(
                f"| {table} | {label} | {len({seed for _, seed in places})} | {mean(of['full']):.3f} | "
                f"{mean(of['added']):.3f} | {mean(of['alone']):.3f} | {interval(apart['added'])} | "
                f"{interval(apart['alone'])} | {seconds:.0f} |"
            )
    return lines


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("grocery", "coffee_leaf")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="of the development photos")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=Path("growth.jsonl"), help="finished cells; read and added to")
    parser.add_argument("--runs", type=Path, help="where runs that cells share are kept; nowhere if not given")
    parser.add_argument("--table-only", action="store_true", help="train nothing; the table of what is finished")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-growth.md")
    arguments = parser.parse_args()
    runs = arguments.runs or Path(tempfile.mkdtemp(prefix="growth-"))
    for seed in range(0 if arguments.table_only else arguments.seeds):
        for table in arguments.tables:
            name = table.resolve().parent.name
            for column, way in ((column, way) for column in HELD[name] for way in WAYS):
                if (name, seed, column, way) in read_cells(arguments.results):
                    continue
                cell = {"table": name, "seed": seed, "column": column, "way": way}
                cell |= one_cell(table, seed, column, way, runs)
                with arguments.results.open("a", encoding="utf-8") as sink:
                    sink.write(json.dumps(cell) + "\n")
                print(json.dumps(cell), flush=True)
    if arguments.runs is None:
        shutil.rmtree(runs)
    lines = page(read_cells(arguments.results))
    print("\n" + "\n".join(lines))
    if arguments.save:
        about = fw.environment()
        versions = {"python": about["python"], **about["packages"]}
        words = ", ".join(f"{key} {versions.get(key)}" for key in ("facetwise", "torch", "python"))
        head = f"# Growth, {date.today().isoformat()}\n\n`python benchmarks/growth.py --seeds {arguments.seeds}`; "
        head += f"{words}; "
        head += (
            f"{torch.get_num_threads()} thread(s), {about['cores']} cores, shared with other work. Difference by seed "
        )
        head += (
            "and attribute, with the 95 % interval of the mean; seconds are those of `add_attribute`'s training.\n\n"
        )
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-growth.md"
        target.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
