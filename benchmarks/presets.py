"""What the presets cost and bring: the same pictures, the same splits, several seeds, `balanced` as the measure.

    python benchmarks/presets.py [TABLE ...] --seeds 3 --first-seed 6 --save

Features come from the cache, which is filled first, so that times are those of training and evaluation; a ratio of
processor times, because other work on the machine stretches the clock. The presets were chosen on seeds 0 to 5
of grocery and coffee_leaf; the seeds from 6 on have had no say in that.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import mean

import facetwise as fw
from facetwise.config import PRESETS

SCORES = ("mean_macro_f1", "mean_accuracy", "exact_match")


def one_run(table: Path, preset: str, seed: int) -> dict[str, object]:
    """Scores on the test side, seconds of the processor, epochs."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = fw.train(table, images=table.parent, out=Path(folder) / "run", seed=seed, preset=preset)
        seconds = time.process_time() - began
        overall = run.evaluate(split="test").to_dict()["overall"]
        lines = (run.path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = sum("train_loss" in json.loads(line) for line in lines)
    return {"seed": seed, "seconds": seconds, "epochs": epochs, **{name: overall[name] for name in SCORES}}


def show(results: dict[str, dict[str, list[dict[str, float]]]]) -> list[str]:
    """A Markdown table: means over seeds, and the gain over `balanced` with its smallest and largest value."""
    lines = [
        "| table | preset | macro-F1 | gain (least to most) | accuracy | all cells right | epochs | training time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for table, presets in results.items():
        for name, runs in presets.items():
            pairs = list(zip(runs, presets["balanced"], strict=True))
            gains = [run["mean_macro_f1"] - other["mean_macro_f1"] for run, other in pairs]
            spread = f"{mean(gains):+.3f} ({min(gains):+.3f} to {max(gains):+.3f})" if name != "balanced" else ""
            scores = " | ".join(f"{mean(run[key] for run in runs):.3f}" for key in SCORES[1:])
            ratio = mean(run["seconds"] / other["seconds"] for run, other in pairs)
            first = f"{mean(run['mean_macro_f1'] for run in runs):.3f}"
            epochs = f"{mean(run['epochs'] for run in runs):.0f}"
            lines.append(f"| {table} | {name} | {first} | {spread} | {scores} | {epochs} | × {ratio:.1f} |")
    return lines


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("grocery", "coffee_leaf")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="the development photos if not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=6)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-presets.json")
    arguments = parser.parse_args()
    results: dict[str, dict[str, list[dict[str, object]]]] = {}
    for table in arguments.tables:
        name = table.resolve().parent.name
        fw.extract(table, images=table.parent)
        one_run(table, "fast", arguments.first_seed)  # what the first run of a process alone pays
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            for preset in PRESETS:
                result = one_run(table, preset, seed)
                results.setdefault(name, {}).setdefault(preset, []).append(result)
                print(name, preset, json.dumps(result), flush=True)
    print("", *show(results), sep="\n")
    if arguments.save:
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-presets.json"
        target.parent.mkdir(exist_ok=True)
        saved = {"environment": fw.environment(), "presets": PRESETS, "results": results}
        target.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
