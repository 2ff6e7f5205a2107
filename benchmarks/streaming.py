"""Features larger than memory: how much memory training takes, how fast it is, and that it grows with the table only.

    python benchmarks/streaming.py --rows 100000 1000000 --width 1280
    python benchmarks/streaming.py --rows 10000000 --width 1280 --written 0.05 --batch 4096 --trunk 32

Each size is trained for one epoch in a process of its own, from a float16 `.npy` that it reads by blocks
(`features_in: disk`) and a Parquet table of three attributes. `--written` is the share of the file that is really on
disk: the rest are holes, which read as zeros, take no room and cost the same memory and arithmetic. Peak memory is what
the system counts as resident in the process; pages that the system caches of files are not among it, nor needed.
`--memory` trains the same rows from memory too.

--save writes benchmarks/results/DATE-streaming.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
# Rows of the file that are written, or left out, together.
STRETCH = 4096


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def draw(folder: Path, rows: int, width: int, *, written: float) -> None:
    """Table and features; the classes depend on the features where these are written."""
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(0)
    classes = np.empty((3, rows), dtype=np.int8)
    with (folder / "features.npy").open("wb") as file:
        about = {"descr": "<f2", "fortran_order": False, "shape": (rows, width)}
        np.lib.format.write_array_header_1_0(file, about)
        every = max(1, round(1 / written))
        for number, start in enumerate(range(0, rows, STRETCH)):
            stop = min(start + STRETCH, rows)
            if number % every:
                file.seek((stop - start) * width * 2, os.SEEK_CUR)
                classes[:, start:stop] = generator.integers(0, 2, size=(3, stop - start))
                continue
            found = generator.standard_normal((stop - start, width), dtype=np.float32).astype(np.float16)
            file.write(found.tobytes())
            classes[0, start:stop] = found[:, :8].astype(np.float32).argmax(axis=1)
            classes[1, start:stop] = (found[:, 8] > 0) + 2 * (found[:, 9] > 0)
            classes[2, start:stop] = found[:, 10] > 0
        file.truncate()
    words = [[f"{name} {code}" for code in range(8)] for name in ("kind", "colour")] + [["no", "yes"]]
    columns = {
        name: pl.Series(own).cast(pl.Int32).replace_strict(dict(enumerate(text)), return_dtype=pl.String)
        for name, own, text in zip(("kind", "colour", "worn"), classes, words, strict=True)
    }
    columns["split"] = pl.Series(generator.choice(["train", "val", "test"], size=rows, p=[0.8, 0.1, 0.1]))
    pl.DataFrame(columns).write_parquet(folder / "table.parquet")


def train(folder: Path, rows: int, where: str, batch: int, trunk: int) -> None:
    """One epoch; prints what it took, stage by stage."""
    from facetwise import api
    from facetwise.events import Event

    began, stages, last = time.perf_counter(), [], ""

    def tell(event: Event) -> None:
        nonlocal last
        if event.kind in ("stage", "epoch"):
            stages.append([event.message[:40], round(time.perf_counter() - began, 1), round(_peak_mib())])
            print(stages[-1], file=sys.stderr, flush=True)
        if event.kind == "row" and event.done % 500 == 0:
            print(event.message, round(_peak_mib()), "MiB", file=sys.stderr, flush=True)
        if event.kind == "notice" and (event.data or {}).get("code") == "features-on-disk":
            last = event.message

    run = api.train(
        folder / "table.parquet", features=folder / "features.npy", out=folder / where, epochs=1, features_in=where,
        neighbours=False, batch_size=batch, trunk={"name": "shared", "width": trunk}, report=tell,
    )  # fmt: skip
    told = {"stages": stages, "s": round(time.perf_counter() - began, 1), "peak_mib": round(_peak_mib()), "said": last}
    epoch = next(one for one in stages if one[0].startswith("epoch"))
    before = stages[stages.index(epoch) - 1]
    told["rows_per_s"] = round(0.8 * rows / max(epoch[1] - before[1], 1e-9))
    told["mean_macro_f1"] = run.metrics["overall"]["mean_macro_f1"]
    print(json.dumps(told))


def main() -> None:
    """Every size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000])
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--written", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--trunk", type=int, default=384, help="width of the trunk")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the files are drawn, and removed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    if given.child:
        train(given.folder, given.rows[0], given.child, given.batch, given.trunk)
        return
    found = []
    for rows in given.rows:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            draw(Path(name), rows, given.width, written=given.written)
            for where in ("disk", "memory") if given.memory else ("disk",):
                words = [__file__, "--child", where, "--rows", str(rows), "--folder", name]
                words += ["--batch", str(given.batch), "--trunk", str(given.trunk)]
                done = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
                told = {"rows": rows, "width": given.width, "written": given.written, "features_in": where}
                told |= {"batch": given.batch, "trunk": given.trunk}
                found.append({**told, **json.loads(done.stdout)})
                print(json.dumps(found[-1]), flush=True)
    if given.save:
        machine = {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
        }
        path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-streaming.json"
        before = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
        told = {"command": "python benchmarks/streaming.py", **machine, "runs": before + found}
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
