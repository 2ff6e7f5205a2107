"""Does a file decide as its run does? Every trunk, int8, 60 attributes, and the reader that needs no torch.

    python benchmarks/export.py [TABLE] --limit 400 --rows 2000 --save

* Every trunk is trained for `--epochs` on the cached features of the table (all but the first on `--rows` of its rows,
  evenly taken), exported as fp32 and verified on `--limit` validation pictures in batches of 1, 2, 7 and 32. Every
  decision that differs is told with |p - threshold|; the gate lets none through that is 1e-4 or more away.
* int8 of the first trunk: within half a point of right answers, with 95 % confidence, or refused.
* A model of 60 attributes of all kinds: seconds from the run to the proved file.
* `facetwise.runtime` in a process without torch: time to import, and its decisions on 1,000 pictures beside `predict`.

No label of a picture is printed: differing decisions are told by picture, column and distance. Each finished trunk is
a line of the results file, and is not computed again.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import torch

import facetwise as fw
from facetwise.data import read_table
from facetwise.errors import UserError
from facetwise.models.trunks import TRUNKS

PICTURES, ATTRIBUTES, IMPORTS = 1000, 60, 5
# Of every ten made columns: categorical, yes or no, several classes, numbers.
KINDS = (*["categorical"] * 5, *["binary"] * 3, "multilabel", "numeric")

READER = """
import json, sys
sys.modules["torch"] = None  # an import of it fails
from facetwise.runtime import load
model, names = load(sys.argv[1]), json.loads(sys.stdin.read())
rows = model(names)
print(json.dumps([{k: [c.state, c.value] for k, c in row.items() if hasattr(c, "state")} for row in rows]))
"""


def trained(table: Path, out: Path, **options: Any) -> fw.Run:
    """A quick run: what it knows matters less than that its probabilities are spread."""
    return fw.train(table, images=options.pop("images", table.parent), out=out, **options)


def cut(table: Path, folder: Path, rows: int) -> Path:
    """A table of some of the rows, evenly taken."""
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = sorted({1 + round(place * (len(lines) - 2) / (rows - 1)) for place in range(rows)})
    made = folder / "cut.csv"
    made.write_text("".join([lines[0], *(lines[place] for place in chosen)]), encoding="utf-8")
    return made


def one_trunk(name: str, table: Path, images: Path, folder: Path, epochs: int, limit: int) -> dict[str, Any]:
    """Train, export, verify."""
    began = time.perf_counter()
    run = trained(table, folder / name, images=images, trunk=name, epochs=epochs)
    seconds = {"train": time.perf_counter() - began}
    began = time.perf_counter()
    told: dict[str, Any] = {"trunk": name, "attributes": len(run.schema.attributes)}
    try:
        run.export("onnx", out=folder / f"{name}.onnx")
    except UserError as error:
        return {**told, "holds": False, "refused": str(error)}
    seconds["export"] = time.perf_counter() - began
    began = time.perf_counter()
    found = run.verify(folder / f"{name}.onnx", limit=limit)
    seconds["verify"] = time.perf_counter() - began
    differences = [{"image": d.image, "column": d.column, "batch": d.batch, "margin": d.margin}
                   for d in found.differences]  # fmt: skip
    return {**told, "holds": found.holds, "complaints": list(found.complaints), "batches": dict(found.batches),
            "cells": found.cells, "largest": max(found.largest.values()), "graph": found.graph,
            "differences": differences, "seconds": seconds}  # fmt: skip


def read_cells(path: Path) -> dict[str, dict[str, Any]]:
    """Finished trunks."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one["trunk"]: one for one in map(json.loads, lines)}


def ready(name: str, table: Path, folder: Path, epochs: int) -> fw.Run:
    """The run of the first trunk and its file, made now where that was done in an earlier call."""
    run = fw.load(folder / name) if (folder / name).is_dir() else trained(table, folder / name, epochs=epochs)
    if not (folder / f"{name}.onnx").is_file():
        run.export("onnx", out=folder / f"{name}.onnx")
    return run


def int8(run: fw.Run, folder: Path) -> dict[str, Any]:
    """Within the gate, or why not."""
    began = time.perf_counter()
    try:
        made = run.export("onnx", out=folder / "int8.onnx", precision="int8")
    except UserError as error:
        return {"written": False, "why": str(error).splitlines()[1:-1], "seconds": time.perf_counter() - began}
    changes = [{"column": c.column, "rows": c.rows, "drop": c.drop, "bound": c.bound}
               for c in made.verification.changes]  # fmt: skip
    return {"written": True, "size": made.size, "fp32_size": (folder / f"{next(iter(TRUNKS))}.onnx").stat().st_size,
            "equal": made.verification.equal, "changes": changes, "seconds": time.perf_counter() - began}  # fmt: skip


def many_attributes(table: Path, folder: Path, rows: int = 400) -> dict[str, Any]:
    """A table of 60 made-up columns over real pictures, trained for an epoch, exported."""
    pictures = list(read_table(table).column("image"))[:rows]
    draw, columns = random.Random(0), {}  # noqa: S311
    for number in range(ATTRIBUTES):
        kind = KINDS[number % len(KINDS)]
        classes = [f"c{each}" for each in range(draw.randint(3, 12))]
        columns[f"{kind} {number}"] = [
            {"categorical": lambda c=classes: draw.choice(c), "binary": lambda: draw.choice(["no", "yes"]),
             "multilabel": lambda c=classes: "|".join(sorted(draw.sample(c, 2))),
             "numeric": lambda: f"{draw.gauss(50, 9):.2f}"}[kind]()
            for _ in pictures
        ]  # fmt: skip
    cells = [",".join(["image", *columns])]
    cells += [",".join([picture, *row]) for picture, row in zip(pictures, zip(*columns.values(), strict=True),
                                                                  strict=True)]  # fmt: skip
    made = folder / "many.csv"
    made.write_text("\n".join(cells) + "\n", encoding="utf-8")
    run = trained(made, folder / "many", images=table.parent, epochs=1)
    began, cpu = time.perf_counter(), time.process_time()
    found = run.export("onnx", out=folder / "many.onnx").verification
    return {"attributes": len(run.schema.attributes), "logits": run.schema.layout().num_logits, "holds": found.holds,
            "differences": len(found.differences), "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu}  # fmt: skip


def without_torch(run: fw.Run, file: Path, table: Path) -> dict[str, Any]:
    """Import times of a fresh process, and decisions beside those of `predict`."""
    code = "import time; t, c = time.perf_counter(), time.process_time(); import facetwise.runtime; "
    code += "print(time.perf_counter() - t, time.process_time() - c); import sys; assert 'torch' not in sys.modules"
    imports = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
               for _ in range(IMPORTS)]  # fmt: skip
    times, cpu = ([float(each[place]) for each in imports] for place in (0, 1))
    names = [str(table.parent / name) for name in list(read_table(table).column("image"))[-PICTURES:]]
    own = run.predict(names).rows
    began = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", READER, str(file)], check=True, capture_output=True, text=True,
                          input=json.dumps(names))  # fmt: skip
    seconds, theirs = time.perf_counter() - began, json.loads(told.stdout)
    numbers = {a.column for a in run.schema.attributes if a.kind == "numeric"}
    cells = differ = 0
    farthest = 0.0
    for row, other in zip(own, theirs, strict=True):
        for column, (state, value) in other.items():
            mine = json.loads(json.dumps([row[column].state, row[column].value]))
            cells += 1
            if column in numbers and state == mine[0] == "value":
                farthest = max(farthest, abs(value - mine[1]) / max(abs(mine[1]), 1e-9))
            else:
                differ += [state, value] != mine
    return {"import_seconds": {"median": median(times), "most": max(times), "cpu": median(cpu)},
            "pictures": len(names), "cells": cells,
            "differ": differ, "numbers_apart": farthest, "seconds": seconds}  # fmt: skip


def page(results: dict[str, Any]) -> str:
    """The results as a person reads them."""
    heads = ("trunk", "decisions", "differ", "farthest from its threshold", "largest difference of probabilities",
             "graph against logits", "holds", "train, export, verify (s)")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    listed: list[str] = []
    for one in results["trunks"]:
        if "refused" in one:
            lines.append(f"| {one['trunk']} | | | | | | refused | |")
            listed.append(f"* {one['trunk']}: {one['refused']}")
            continue
        farthest = max((d["margin"] for d in one["differences"]), default=0.0)
        seconds = ", ".join(f"{one['seconds'][name]:.0f}" for name in ("train", "export", "verify"))
        lines.append(
            f"| {one['trunk']} | {one['cells']:,} | {len(one['differences'])} | {farthest:.1e} | "
            f"{one['largest']:.1e} | {one['graph']:.1e} | {'yes' if one['holds'] else 'NO'} | {seconds} |"
        )
        listed += [f"* {one['trunk']}: {d['image']}, {d['column']}, batch {d['batch']}: |p - threshold| = "
                   f"{d['margin']:.1e}" for d in one["differences"]]  # fmt: skip
    small, many, reader = results["int8"], results["many"], results["reader"]
    lines += ["", "Decisions that differ:", "", *(listed or ["* none"]), "", "## int8", ""]
    if small["written"]:
        lines.append(f"Written: {small['size'] / 1e6:.1f} MB (fp32 {small['fp32_size'] / 1e6:.1f} MB), "
                     f"{small['equal']:.2%} equal decisions, {small['seconds']:.0f} s.")  # fmt: skip
        worst = max(small["changes"], key=lambda change: change["bound"])
        lines.append(f"Worst: {worst['column'] or 'all attributes with few rows'}, {worst['drop']:.2f} points lost, at "
                     f"most {worst['bound']:.2f} with 95 % confidence on {worst['rows']:,} cells.")  # fmt: skip
    else:
        lines += [f"Refused after {small['seconds']:.0f} s:", "", *(f"* {line.strip()}" for line in small["why"])]
    lines += [
        "", f"## {many['attributes']} attributes", "",
        f"{many['logits']:,} logits; exported and proved in {many['seconds']:.1f} s (asked: 60), "
        f"{many['cpu']:.1f} s of CPU; "
        f"{many['differences']} decisions differ.",
        "", "## Without torch", "",
        f"`import facetwise.runtime`: median {reader['import_seconds']['median']:.2f} s of {IMPORTS}, at most "
        f"{reader['import_seconds']['most']:.2f} s (asked: 1), {reader['import_seconds']['cpu']:.2f} s of CPU. "
        f"On {reader['pictures']:,} pictures "
        f"{reader['differ']} of {reader['cells']:,} decisions differ from `predict`; numbers by at most "
        f"{reader['numbers_apart']:.1e} of themselves; {reader['seconds']:.0f} s with the start of the process.",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Run everything, print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("table", nargs="?", type=Path, default=photos / "fashion" / "labels.csv")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, default=400, help="validation pictures of each trunk, at each batch size")
    parser.add_argument("--rows", type=int, default=2000, help="of the table, for all trunks but the first")
    parser.add_argument("--results", type=Path, default=Path("export.jsonl"), help="finished trunks; read and added to")
    parser.add_argument("--trunks", nargs="*", default=list(TRUNKS))
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-export.md")
    arguments = parser.parse_args()
    fw.extract(arguments.table, images=arguments.table.parent)  # fills the cache, so that no run pays for it
    with tempfile.TemporaryDirectory() as scratch:
        folder, results = Path(scratch), {"trunks": []}
        finished, first = read_cells(arguments.results), arguments.trunks[0]
        for name in arguments.trunks:
            table = arguments.table if name == first else cut(arguments.table, folder, arguments.rows)
            if name not in finished:
                one = one_trunk(name, table, arguments.table.parent, folder, arguments.epochs, arguments.limit)
                finished[name] = one
                with arguments.results.open("a", encoding="utf-8") as sink:
                    sink.write(json.dumps(one) + "\n")
                print(json.dumps(one), flush=True)
            results["trunks"].append(finished[name])
        run = ready(first, arguments.table, folder, arguments.epochs)
        results["reader"] = without_torch(run, folder / f"{first}.onnx", arguments.table)
        print(json.dumps(results["reader"]), flush=True)
        results["many"] = many_attributes(arguments.table, folder)
        print(json.dumps(results["many"]), flush=True)
        results["int8"] = int8(run, folder)
        print(json.dumps(results["int8"]), flush=True)
    told = page(results)
    print(f"\n{told}")
    if arguments.save:
        about = fw.environment()
        versions = {"python": about["python"], **about["packages"]}
        words = ", ".join(f"{key} {versions.get(key)}" for key in ("facetwise", "torch", "onnxruntime", "python"))
        head = f"# Export, {date.today().isoformat()}\n\n`python benchmarks/export.py --limit {arguments.limit} --rows "
        head += f"{arguments.rows}` on "
        head += f"{arguments.table.resolve().parent.name}; {words}; {torch.get_num_threads()} thread(s), "
        head += f"{about['cores']} cores; {arguments.epochs} epochs.\n\n"
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-export.md"
        target.write_text(head + told + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
