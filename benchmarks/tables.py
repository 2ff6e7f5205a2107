"""How long a large table takes: reading, roles and kinds, checks, split, schema, labels, where its pictures are, which
rules its rows keep (all that `facetwise inspect` does); no picture is opened, and none is there.

Goals: 100,000 rows with 40 columns within 20 s and 1 GB; 1,000,000 rows with 12 columns within 4 GB; 1,000,000 rows
with 40 columns, an epoch of sampling and an evaluation of 40 attributes of every row included, within 5 minutes and
4 GB in all. Each table is drawn here and read in a process of its own, so that the peak of memory is that of the work
and of nothing else.

The evaluation is of drawn answers (`evaluation.py`), since nothing was trained: 40 attributes, 2 to 20 classes each,
their scores for every row of the table; floors, intervals by 10,000 groups and curves included. It is a process of its
own, as `facetwise evaluate` is. "drawn" is the drawing of these answers, counted as the rest.
"""

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

TABLES = {"100k x 40": (100_000, 40), "1M x 12": (1_000_000, 12), "1M x 40": (1_000_000, 40)}
# Of which tables as many rows are evaluated too.
EVALUATED = {"1M x 40"}
# Of an epoch of sampling.
BATCH = 256
RESULTS = Path(__file__).parent / "results"
Maker = Callable[[np.random.Generator, int], list[str]]


def _classes(count: int, prefix: str, empty: float) -> Maker:
    """A long tail of classes, part of the cells empty."""

    def make(generator: np.random.Generator, rows: int) -> list[str]:
        share = 1.0 / np.arange(1, count + 1)
        codes = generator.choice(count, size=rows, p=share / share.sum())
        gone = generator.random(rows) < empty
        return ["" if out else f"{prefix}{code:03d}" for code, out in zip(codes.tolist(), gone.tolist(), strict=True)]

    return make


def _words(*words: str) -> Maker:
    return lambda generator, rows: generator.choice(np.array(words, dtype=object), size=rows).tolist()


def _several(generator: np.random.Generator, rows: int) -> list[str]:
    tags = np.array([f"tag {place}" for place in range(30)], dtype=object)
    return ["|".join(tags[generator.integers(30, size=2)]) for _ in range(rows)]


def _prices(generator: np.random.Generator, rows: int) -> list[str]:
    return [f"{price:.2f}" for price in generator.lognormal(4, 1, size=rows).tolist()]


def _things(generator: np.random.Generator, rows: int) -> list[str]:
    return [f"p{number}" for number in generator.integers(max(2, rows // 3), size=rows).tolist()]


def _sentences(generator: np.random.Generator, rows: int) -> list[str]:
    numbers = generator.integers(10_000, size=(rows, 2)).tolist()
    return [f"a plain, long description of item {one} in lot {two}" for one, two in numbers]


def _days(generator: np.random.Generator, rows: int) -> list[str]:
    numbers = generator.integers(1, 28, size=(rows, 2)).tolist()
    return [f"2026-{1 + one % 12:02d}-{two:02d}" for one, two in numbers]


def _columns(count: int) -> dict[str, Maker]:
    """`count` columns of all kinds, the first the picture."""
    start: dict[str, Maker] = {
        "image": lambda _, rows: [f"photos/{row:07d}.jpg" for row in range(rows)],
        "product_id": _things,
        "kind": _classes(12, "kind ", 0.0),
        "colour": _classes(40, "colour ", 0.1),
        "rust": _words("yes", "no", ""),
        "severity": _words("0", "1", "2", "3", "4", ""),
        "price": _prices,
        "tags": _several,
        "title": _sentences,
        "day": _days,
        "size": _words("S", "M", "L", "XL", ""),
        "brand": _classes(2_000, "brand ", 0.3),
    }
    cycle: list[Maker] = [
        _classes(8, "v", 0.5),
        _words("0", "1", ""),
        _prices,
        _classes(300, "w", 0.2),
        _words("low", "medium", "high", ""),
        _several,
        _classes(25, "x", 0.9),
    ]
    more = {f"attribute {place}": cycle[place % len(cycle)] for place in range(max(0, count - len(start)))}
    return dict(list({**start, **more}.items())[:count])


def draw(path: Path, rows: int, columns: int) -> None:
    """Write a table of mixed kinds; the same one every time."""
    generator = np.random.default_rng(0)
    makers = _columns(columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(makers)
        for start in range(0, rows, 50_000):
            size = min(50_000, rows - start)
            cells = [make(generator, size) for make in makers.values()]
            cells[0] = [f"photos/{start + row:07d}.jpg" for row in range(size)]
            writer.writerows(zip(*cells, strict=True))


def _table_stages(path: Path) -> Iterator[str]:
    from facetwise.data import complete_schema, encode, infer, read_table, resolve_pictures, rules_kept, split_rows
    from facetwise.data.samplers import ClassAwareSampler

    yield "import"
    table = read_table(path)
    yield "read"
    structure = infer(table)
    yield "infer"
    split = split_rows(table, structure)
    yield "split"
    schema, _ = complete_schema(structure, table, split.rows("train"))
    yield "schema"
    labels, _ = encode(schema, table)
    yield "labels"
    resolve_pictures(table, structure.images, path.parent)
    yield "pictures"
    rules_kept(schema, table, labels)
    yield "rules"
    train = labels.take(split.rows("train"))
    sampler = ClassAwareSampler(schema=schema, labels=train, seed=0)
    sampler.batches(0, BATCH)
    yield "sample"


def _evaluation_stages(rows: int) -> Iterator[str]:
    from dataclasses import replace

    from evaluation import GROUPS, made_decisions, made_labels, made_schema

    from facetwise.metrics import evaluate

    yield "import"
    fifty = made_schema()
    forty = replace(fifty, attributes=(fifty.attributes[0], *fifty.attributes[11:]))
    generator = np.random.default_rng(0)
    truth = made_labels(forty, rows, generator)
    decisions, groups = made_decisions(forty, truth, generator), generator.integers(GROUPS, size=rows)
    yield "drawn"
    evaluate(forty, truth, decisions, train=truth.take(np.arange(min(rows, 10_000))), groups=groups)
    yield "evaluate"


def _peak_mib() -> float:
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _child(work: Iterator[str], until: str) -> None:
    stages = {}
    began, used = time.perf_counter(), time.process_time()
    for name in work:
        # Where other programs share the processor, the time that it worked for us says more than the clock.
        stages[name] = {
            "s": round(time.perf_counter() - began, 2),
            "cpu_s": round(time.process_time() - used, 2),
            "peak_mib": round(_peak_mib()),
        }
        print(f"  {name:8s} {stages[name]}", file=sys.stderr, flush=True)
        if name == until:
            break
        began, used = time.perf_counter(), time.process_time()
    total = {key: round(sum(stage[key] for stage in stages.values()), 1) for key in ("s", "cpu_s")}
    print(json.dumps({"stages": stages, **total, "peak_mib": round(_peak_mib())}))


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _command(path: Path) -> dict[str, float]:
    """The whole command, imports and report included."""
    out = path.with_suffix(".yaml")
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "facetwise", "inspect", str(path), "--out", str(out), "--overwrite", "--quiet"],
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"s": round(seconds, 1), "peak_mib": round(peak)}


def main() -> None:
    """Draw, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--evaluated", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until", default="evaluate", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=list(TABLES))
    parser.add_argument("--keep", type=Path, help="folder for the drawn tables; a temporary one if not given")
    parser.add_argument("--command", action="store_true", help="also the whole command line, imports included")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/DATE-tables.json")
    options = parser.parse_args()
    if options.child or options.evaluated:
        work = _table_stages(options.child) if options.child else _evaluation_stages(options.evaluated)
        _child(work, options.until)
        return
    report: dict[str, object] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "command": " ".join(["python benchmarks/tables.py", *sys.argv[1:]]),
        "load": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (rows, columns) in TABLES.items():
            if options.only not in (None, name):
                continue
            path = folder / f"{rows}x{columns}.csv"
            if not path.exists():
                draw(path, rows, columns)
            print(f"{name}: {path.stat().st_size / 2**20:.0f} MiB of CSV")
            parts = [["--child", str(path)], *([["--evaluated", str(rows)]] if name in EVALUATED else [])]
            told = [json.loads(_output([sys.executable, __file__, *words])) for words in parts]
            found = {
                "mib_of_csv": round(path.stat().st_size / 2**20),
                "stages": {part: one["stages"] for part, one in zip(("table", "evaluation"), told, strict=False)},
                **{key: round(sum(one[key] for one in told), 1) for key in ("s", "cpu_s")},
                "peak_mib": max(one["peak_mib"] for one in told),
            }
            print(f"  {found['s']} s by the clock, {found['cpu_s']} s of processor, peak {found['peak_mib']} MiB")
            if options.command:
                found["command"] = _command(path)
                print(f"  facetwise inspect: {found['command']}")
            report[name] = found
    if options.write:
        path = RESULTS / f"{report['date']}-tables.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
