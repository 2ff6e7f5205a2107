"""Every trunk at the same budget, on the same splits: macro-F1, time of a step, parameters.

    python benchmarks/trunks.py [TABLE ...] --seeds 5 --jobs 2 --folder FOLDER --save

The budget is that of a mixture of 8 experts of width 256 on the features at hand: every other trunk gets the width
with which the whole model has as many parameters, within 10 %, and all train for the same number of steps (no early
stop; the epoch that is best on validation counts, as always). All have the dropout of the default trunk, so that none
is judged by the one it happens to ship with, and no training rows vote beside the networks; what remains are defaults.
Lines that keep their own size: the linear probe, which has none to choose, the default of the package, and, where there
are many attributes, queries.

The p-values of the paired differences are corrected for the number of trunks (`facetwise.compare`). Finished trainings
stay in the folder and are not done again: stop it whenever you like. The time of a step is measured apart from them,
the trunks in turn: on a quiet machine, once all are trained.
"""

import argparse
import inspect
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
import yaml

import facetwise as fw
from facetwise.models import FacetModel, build_model
from facetwise.models.backbones import create_backbone
from facetwise.models.trunks import TRUNKS
from facetwise.schema import Schema
from facetwise.studies import Comparison

BATCH, DROPOUT = 128, 0.5
# Fashion has five times the rows of the others, and so five times their steps in an epoch.
EPOCHS, EPOCHS_OF = 20, {"fashion": 8}
REFERENCE = "mmoe"
# Every attribute passes through the whole query trunk: with more of them it has the width it ships with, and fewer
# parameters than the others. At their budget a training on fashion's 62 attributes takes 25 minutes of a core.
MOST_QUERIES = 40
# Options beside the width that is searched; the width named here scales the trunk.
OPTIONS: dict[str, dict[str, object]] = {
    "mmoe": {"experts": 8, "hidden": 256, "width": 256},
    "ple": {"shared_experts": 4, "own_experts": 1},
    "query": {"learnable": True},
}


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
    if len(schema.attributes) > MOST_QUERIES:
        del lines["query"]
        lines["query, as shipped"] = {"name": "query", "options": options_of("query", None)}
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


def judged(table: Path, folder: Path, *, chosen: Mapping[str, Any], epochs: int, seeds: int, jobs: int) -> Comparison:
    """The comparison of all lines on one table."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "variants.yaml"
    file.write_text(yaml.safe_dump({line: {"trunk": told} for line, told in chosen.items()}, sort_keys=False))
    settings = ["neighbours=false", f"batch_size={BATCH}", f"epochs={epochs}", f"patience={epochs}"]
    return fw.compare(
        table, images=table.parent, out=folder / "cells", settings=settings, variants=file, seeds=seeds, jobs=jobs,
        baseline=REFERENCE,
    )  # fmt: skip


def show(table: str, epochs: int, found: Comparison, times: Mapping[str, float]) -> list[str]:
    """A Markdown table, best first."""
    said = [
        f"## {table}: {len(found.seeds)} seeds, {epochs} epochs, {found.train:,.0f} training and "
        f"{found.test:,.0f} test items",
        "",
        f"| trunk | macro-F1 | from {REFERENCE}, 95 % interval | p, corrected | verdict | parameters | ms a step |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sorted(found.variants, key=lambda one: -(one.mean or 0.0)):
        gap = (
            "" if one.interval is None else f"{one.difference:+.3f} ({one.interval[0]:+.3f} to {one.interval[1]:+.3f})"
        )
        p = "" if one.p_adjusted is None else f"{one.p_adjusted:.3f}"
        score = "" if one.mean is None else f"{one.mean:.4f}"
        said.append(
            f"| {one.name} | {score} | {gap} | {p} | {one.verdict} | {one.parameters or 0:,} | {times[one.name]:.1f} |"
        )
    return said


def main() -> None:
    """Run what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    known = [photos / name / "labels.csv" for name in ("grocery", "coffee_leaf", "fashion")]
    parser.add_argument("tables", nargs="*", type=Path, default=known, help="the development photos if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--epochs", type=int, help=f"of every table; if not given {EPOCHS}, fewer for {[*EPOCHS_OF]}")
    parser.add_argument("--folder", type=Path, default=Path("trunks"), help="where trainings are kept")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-trunks-TABLE.{md,json}")
    given = parser.parse_args()
    levels = [level.width for level in create_backbone("lite0").levels]
    for table in given.tables:
        name = table.resolve().parent.name
        epochs = given.epochs or EPOCHS_OF.get(name, EPOCHS)
        schema = fw.inspect(table, images=table.parent).schema
        chosen = lines_of(schema, levels)
        found = judged(table, given.folder / name, chosen=chosen, epochs=epochs, seeds=given.seeds, jobs=given.jobs)
        times = step_times(schema, levels, chosen)
        said = [
            f"# Trunks at equal budget on {name}, {date.today()}",
            "",
            f"`python benchmarks/trunks.py`; facetwise {version('facetwise')}, torch {version('torch')}, "
            f"python {platform.python_version()}; batches of {BATCH}; a step with {torch.get_num_threads()} threads.",
            "",
            *show(name, epochs, found, times),
        ]
        print("\n".join(said), flush=True)
        if given.save:
            out = Path(__file__).parent / "results" / f"{date.today()}-trunks-{name}"
            out.with_suffix(".md").write_text("\n".join(said) + "\n", encoding="utf-8")
            told = {**asdict(found), "options": chosen, "ms_a_step": times}
            out.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
