"""Every trunk at the same budget, on the same splits: macro-F1, time of a step, parameters.

    python benchmarks/trunks.py [TABLE ...] --seeds 5 --save

The budget is that of a mixture of 8 experts of width 256 on the features at hand: every other trunk gets the width
with which the whole model has as many parameters, within 10 %, and all train for the same number of steps (no early
stop; the epoch that is best on validation counts, as always). All have the dropout of the default trunk, so that none
is judged by the one it happens to ship with; what remains are defaults. Two lines keep their own size: the linear
probe, which has none to choose, and the default of the package.

Each finished cell (table, trunk, seed) is a line of the results file, and is not computed again: stop it whenever you
like. The time of a step is measured apart from the runs, the trunks in turn.
"""

import argparse
import inspect
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import mean, median, stdev

import torch

import facetwise as fw
from facetwise.models import FacetModel, build_model
from facetwise.models.backbones import create_backbone
from facetwise.models.trunks import TRUNKS
from facetwise.schema import Schema

BATCH, DROPOUT = 128, 0.5
REFERENCE = "mmoe"
# Options beside the width that is searched; the width named here scales the trunk.
OPTIONS: dict[str, dict[str, object]] = {
    "mmoe": {"experts": 8, "hidden": 256, "width": 256},
    "ple": {"shared_experts": 4, "own_experts": 1},
    "query": {"learnable": True},
}
# Student's t, two-sided 95 %, by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def options_of(name: str, width: int | None) -> dict[str, object]:
    """Options of a trunk at a width."""
    asked = inspect.signature(TRUNKS[name]).parameters
    chosen = {"dropout": DROPOUT} if "dropout" in asked else {}
    if width is not None:
        chosen |= {key: width for key in ("width", "hidden") if key in asked}
    return {**chosen, **OPTIONS.get(name, {})}


def parameters(schema: Schema, levels: Sequence[int], name: str, options: dict[str, object]) -> int:
    """Parameters of the whole model; nothing is drawn. What the levels add is the same for all, and counted by hand."""
    with torch.device("meta"):
        model = build_model(schema, levels=levels, trunk=name, trunk_options=options, depth=False)
    by_level = sum(levels) * model.num_logits + len(schema.attributes) * len(levels)
    return by_level + sum(parameter.numel() for parameter in model.parameters())


def at_budget(schema: Schema, levels: Sequence[int], name: str, budget: int) -> dict[str, object]:
    """The options with which a trunk comes closest to the budget."""
    if "width" not in inspect.signature(TRUNKS[name]).parameters or "width" in OPTIONS.get(name, {}):
        return options_of(name, None)
    low, high = 1, 1 << 13  # in steps of 8, which attention heads divide
    while low < high:
        middle = (low + high) // 2
        small = parameters(schema, levels, name, options_of(name, 8 * middle)) < budget
        low, high = (middle + 1, high) if small else (low, middle)
    return options_of(name, 8 * low)


def lines_of(schema: Schema, levels: Sequence[int]) -> dict[str, dict[str, object]]:
    """What is compared: name of the line → trunk and options."""
    reference = options_of(REFERENCE, None)
    budget = parameters(schema, levels, REFERENCE, reference)
    lines = {name: {"name": name, "options": at_budget(schema, levels, name, budget)} for name in TRUNKS}
    first = next(iter(TRUNKS))
    return {**lines, f"{first}, as shipped": {"name": first, "options": {}}}


def step_times(
    schema: Schema, levels: Sequence[int], lines: dict[str, dict[str, object]], rounds: int = 12
) -> dict[str, float]:
    """Milliseconds of forward, backward and update, the trunks in turn, median over rounds."""
    features = torch.randn(BATCH, sum(levels))

    def stepper(model: FacetModel) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)

        def step() -> None:
            optimizer.zero_grad()
            model(features).logits.square().mean().backward()
            optimizer.step()

        return step

    steps = {
        line: stepper(build_model(schema, levels=levels, trunk=told["name"], trunk_options=told["options"]).train())
        for line, told in lines.items()
    }
    times: dict[str, list[float]] = {line: [] for line in lines}
    for turn in range(rounds + 2):
        for line, step in steps.items():
            began = time.perf_counter()
            step()
            if turn >= 2:
                times[line].append(1000 * (time.perf_counter() - began))
    return {line: median(each) for line, each in times.items()}


def one_cell(table: Path, told: dict[str, object], seed: int, epochs: int) -> dict[str, float]:
    """One run: the headline score of the test rows, and of the validation rows that selected."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = fw.train(
            table, images=table.parent, out=Path(folder) / "run", seed=seed, trunk=told, epochs=epochs, patience=epochs,
            batch_size=BATCH,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        scores = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    return {"macro_f1": scores["overall"]["mean_macro_f1"], "split": scores["split"], "seconds": seconds}


def interval(values: list[float]) -> float:
    """Half of the 95 % interval of the mean."""
    return T95.get(len(values) - 1, 1.96) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def read_cells(path: Path) -> dict[tuple[str, str, int], dict[str, object]]:
    """Finished cells."""
    if not path.exists():
        return {}
    cells = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(cell["table"], cell["trunk"], cell["seed"]): cell for cell in cells}


def rows_of(scores: dict[str, list[float]], sizes: dict[str, int], times: dict[str, float]) -> list[str]:
    """The table of one data set: means with intervals, differences from the reference seed by seed."""
    found = ["| trunk | macro-F1 | ± 95 % | from mmoe, ± 95 % | parameters | ms a step |", "|---|---|---|---|---|---|"]
    for line, values in scores.items():
        if not values:
            continue
        apart = [value - other for value, other in zip(values, scores.get(REFERENCE, values), strict=True)]
        found.append(
            f"| {line} | {mean(values):.4f} | {interval(values):.4f} | {mean(apart):+.4f} ± {interval(apart):.4f} | "
            f"{sizes[line]:,} | {times[line]:.1f} |"
        )
    return found


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("fashion", "grocery", "coffee_leaf")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="the development photos if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--trunks", nargs="*", help="lines to run; all if not given")
    parser.add_argument("--results", type=Path, default=Path("trunks.jsonl"), help="finished cells; read and added to")
    parser.add_argument("--table-only", action="store_true", help="train nothing; the table of what is finished")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-trunks.md")
    arguments = parser.parse_args()
    levels = [level.width for level in create_backbone("lite0").levels]
    tables: list[str] = []
    for table in arguments.tables:
        name = table.resolve().parent.name
        fw.extract(table, images=table.parent)  # fills the cache, so that no cell pays for it
        schema = fw.inspect(table, images=table.parent).schema
        lines = lines_of(schema, levels)
        wanted = {line: told for line, told in lines.items() if not arguments.trunks or line in arguments.trunks}
        sizes = {line: parameters(schema, levels, told["name"], told["options"]) for line, told in wanted.items()}
        for seed in range(0 if arguments.table_only else arguments.seeds):
            for line, told in wanted.items():
                if (name, line, seed) in read_cells(arguments.results):
                    continue
                cell = {"table": name, "trunk": line, "seed": seed, **one_cell(table, told, seed, arguments.epochs)}
                with arguments.results.open("a", encoding="utf-8") as sink:
                    sink.write(json.dumps({**cell, "options": told["options"], "parameters": sizes[line]}) + "\n")
                print(
                    f"{name} {line} seed {seed}: macro-F1 {cell['macro_f1']:.4f}, {cell['seconds']:.0f} s", flush=True
                )
        times, cells = step_times(schema, levels, wanted), read_cells(arguments.results)
        whole = [seed for seed in range(arguments.seeds) if all((name, line, seed) in cells for line in wanted)]
        lines = rows_of(
            {line: [cells[name, line, seed]["macro_f1"] for seed in whole] for line in wanted}, sizes, times
        )
        tables.append("\n".join([f"## {name}, {len(whole)} seeds", "", *lines]))
        print(f"\n{tables[-1]}")
    if arguments.save:
        about = fw.environment()
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-trunks.md"
        target.parent.mkdir(exist_ok=True)
        versions = {"python": about["python"], **about["packages"]}
        told = ", ".join(f"{key} {versions.get(key)}" for key in ("facetwise", "torch", "python"))
        head = f"# Trunks at equal budget, {date.today().isoformat()}\n\n`python benchmarks/trunks.py`; {told}; "
        head += f"{torch.get_num_threads()} thread(s); {arguments.epochs} epochs of batches of {BATCH}.\n"
        target.write_text("\n\n".join([head, *tables]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
