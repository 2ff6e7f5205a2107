"""What more processes bring, what Ray costs beside them, and how time and memory grow with the rows.

    python benchmarks/scaling.py rows --rows 10000 100000 1000000
    python benchmarks/scaling.py stages --rows 10000 100000 1000000 --pictures 100000
    python benchmarks/scaling.py pictures --pictures 600 --rounds 3

`rows`: reading, splitting, coding of a drawn table of 12 columns, and an evaluation of 50 attributes, each size in a
process of its own; slopes: from
each size to the next, the power of the rows by which the work grows (1.0 is in proportion).
`stages`: the same for one epoch of training (three attributes, 64 features; with decisions, neighbours, scores), its
report, answers for every row written as CSV, and the extraction of as many tiny pictures by a backbone of three small
convolutions, up to `--pictures` of them: what is left of an extraction when decoding and the backbone cost nothing.
`pictures`: the same drawn JPEGs into an empty cache by one process, two processes, and Ray with as many actors, one
thread each; Ray's own start is told apart.

Processor time is what to compare on a machine that others use too; --save writes benchmarks/results/DATE-scaling.json.
"""

import argparse
import itertools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
COLUMNS = 12
# Features of a row, of `stages`.
WIDTH = 64


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _evaluate(items: int) -> dict[str, float]:
    import numpy as np
    from evaluation import GROUPS, made_decisions, made_labels, made_schema

    from facetwise.metrics import evaluate

    schema, generator = made_schema(), np.random.default_rng(0)
    truth = made_labels(schema, items, generator)
    decisions, groups = made_decisions(schema, truth, generator), generator.integers(GROUPS, size=items)
    began, used = time.perf_counter(), time.process_time()
    evaluate(schema, truth, decisions, train=truth.take(np.arange(min(items, 10_000))), groups=groups)
    return {"s": time.perf_counter() - began, "cpu_s": time.process_time() - used, "peak_mib": _peak_mib()}


def _slopes(found: dict[str, dict[int, dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Per stage the powers of the rows by which its processor time and its memory grow, from size to size.

    What every process needs before its first row flattens the first ones; the last is the one to look at.
    """
    slopes = {}
    for stage, by_size in found.items():
        steps = list(itertools.pairwise(sorted(by_size)))
        slopes[stage] = {
            key: [
                round(math.log(max(by_size[large][key], 0.01) / max(by_size[small][key], 0.01), large / small), 2)
                for small, large in steps
            ]
            for key in ("cpu_s", "peak_mib")
        }
        print(f"{stage:10s} {by_size}  slopes {slopes[stage]}", flush=True)
    return slopes


def _child(*words: str) -> dict[str, Any]:
    """What a process of its own has measured."""
    done = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def rows(sizes: list[int]) -> dict[str, object]:
    """Time, memory and slopes per stage."""
    from tables import draw

    found: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            draw(path, size, COLUMNS)
            for stage, numbers in _child(str(HERE / "tables.py"), "--child", str(path), "--until", "labels")[
                "stages"
            ].items():
                found.setdefault(stage, {})[size] = numbers
            found.setdefault("evaluate", {})[size] = _child(__file__, "evaluate", "--rows", str(size))
    return {"rows": found, "slopes": _slopes(found)}


def _stage(stage: str, folder: Path) -> dict[str, float]:
    """One stage on what lies in the folder."""
    import numpy as np

    from facetwise import api

    run, work = folder / "run", {
        "train": lambda: api.train(
            folder / "table.parquet", features=folder / "features.npy", out=folder / "run", epochs=1,
            trunk={"name": "shared", "width": 64},
        ),
        "report": lambda: api.load(run).report(folder / "report.html"),
        "predict": lambda: api.load(run).predict_features(np.load(folder / "features.npy")).write(folder / "o.csv"),
        "extract": lambda: _extract_tiny(sorted((folder / "pictures").iterdir()), folder / "cache"),
    }  # fmt: skip
    began, used = time.perf_counter(), time.process_time()
    work[stage]()
    return {"s": time.perf_counter() - began, "cpu_s": time.process_time() - used, "peak_mib": _peak_mib()}


def _extract_tiny(paths: list[Path], cache: Path) -> None:
    sys.path.insert(0, str(HERE.parent / "tests"))
    from facetwise.features import extract
    from tiny_backbone import TinyBackbone

    done = extract(paths, backbone=TinyBackbone(), cache=cache, device="torch:cpu", warn=print)
    if done.computed != len(paths):
        raise SystemExit(f"{done.computed} of {len(paths)} pictures were described")


def _draw_tiny(folder: Path, count: int) -> None:
    """Pictures of 16 × 16 pixels, all different."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        pixels = generator.integers(0, 256, size=(16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:07d}.png", compress_level=0)


def stages(sizes: list[int], most_pictures: int) -> dict[str, object]:
    """Time, memory and slopes of what comes after the table."""
    from streaming import draw

    found: dict[str, dict[int, dict[str, float]]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            draw(folder, size, WIDTH, written=1.0)
            if size <= most_pictures:
                _draw_tiny(folder / "pictures", size)
            for stage in ("train", "report", "predict", *(["extract"] if size <= most_pictures else [])):
                found.setdefault(stage, {})[size] = _child(__file__, "stage", "--stage", stage, "--folder", name)
                print(stage, size, found[stage][size], flush=True)
    return {"rows": found, "slopes": _slopes(found)}


def _extracted(paths: list[Path], cache: Path, kind: str) -> dict[str, float]:
    from facetwise.features import Sharded
    from facetwise.models.backbones import create_backbone

    engine, processes = ("ray", 2) if kind.startswith("ray") else ("local", 2 if kind == "two processes" else 1)
    if engine == "ray":
        import ray

        began = time.perf_counter()
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if ray.is_initialized():
            ray.shutdown()
        ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
        start = time.perf_counter() - began
    own = Sharded(backbone="lite0", engine=engine, processes=processes)
    firsts: list[float] = []
    began = time.perf_counter()
    own(
        paths, backbone=create_backbone("lite0"), cache=cache, device="cpu", workers=1,
        progress=lambda *_: firsts.append(time.perf_counter() - began), warn=print,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    return {"s": seconds, "pictures_per_s": len(paths) / seconds, "first_shard_s": firsts[0],
            **({"ray_start_s": start} if engine == "ray" else {})}  # fmt: skip


def pictures(count: int, rounds: int) -> dict[str, object]:
    """Pictures per second by who extracts them, in turns."""
    from extraction import SIZE, draw

    from facetwise.features import _shards, export_graph
    from facetwise.models.backbones import create_backbone

    _shards.PICTURES_PER_SHARD = max(16, count // 16)
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "pictures").mkdir()
        draw(folder / "pictures", count, SIZE)
        paths = sorted((folder / "pictures").iterdir())
        for number in range(rounds):
            for kind in ("one process", "two processes", "ray, two actors"):
                cache = folder / f"{number}-{kind}"
                export_graph(create_backbone("lite0"), cache)
                found.setdefault(kind, []).append(_extracted(paths, cache, kind))
                print(kind, {key: round(value, 2) for key, value in found[kind][-1].items()}, flush=True)
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()
    medians = {
        kind: {key: statistics.median(told[key] for told in all_told) for key in all_told[0]}
        for kind, all_told in found.items()
    }
    return {"pictures": count, "rounds": rounds, "median": medians, "every": found}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rows", "stages", "pictures", "evaluate", "stage"], nargs="?", default="rows")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    if given.what == "evaluate":
        print(json.dumps(_evaluate(given.rows[0])))
        return
    if given.what == "stage":
        print(json.dumps(_stage(given.stage, given.folder)))
        return
    ways: dict[str, Callable[[], dict[str, object]]] = {
        "rows": lambda: rows(given.rows),
        "stages": lambda: stages(given.rows, given.pictures),
        "pictures": lambda: pictures(given.pictures, given.rounds),
    }
    found = ways[given.what]()
    if given.save:
        path = RESULTS / f"{datetime.now(UTC).date().isoformat()}-scaling.json"
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        load = [round(one, 1) for one in os.getloadavg()]
        path.write_text(json.dumps({**before, given.what: {"load": load, **found}}, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
