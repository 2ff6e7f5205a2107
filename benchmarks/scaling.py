"""What more processes bring, what Ray costs beside them, and how time and memory grow with the rows.

    python benchmarks/scaling.py rows --rows 10000 100000 1000000
    python benchmarks/scaling.py pictures --pictures 600 --rounds 3

`rows`: reading, splitting, coding of a drawn table of 12 columns, and an evaluation of 50 attributes, each size in a
process of its own; slope: how many times the work grows tenfold rows cost, as a power (1.0 is in proportion).
`pictures`: the same drawn JPEGs into an empty cache by one process, two processes, and Ray with as many actors, one
thread each; Ray's own start is told apart.

Processor time is what to compare on a machine that others use too; --save writes benchmarks/results/DATE-scaling.json.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
COLUMNS = 12


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


def rows(sizes: list[int]) -> dict[str, object]:
    """Time, memory and slopes per stage."""
    from tables import draw

    found: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            draw(path, size, COLUMNS)
            table = [str(HERE / "tables.py"), "--child", str(path), "--until", "labels"]
            for words in (table, [__file__, "evaluate", "--rows", str(size)]):
                told = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
                stages = json.loads(told.stdout)
                for stage, numbers in stages.get("stages", {"evaluate": stages}).items():
                    found.setdefault(stage, {})[size] = numbers
    slopes = {}
    for stage, by_size in found.items():
        first, last = by_size[min(sizes)], by_size[max(sizes)]
        tens = math.log10(max(sizes) / min(sizes)) or 1.0
        slopes[stage] = {
            key: round(math.log10(max(last[key], 0.01) / max(first[key], 0.01)) / tens, 2)
            for key in ("cpu_s", "peak_mib")
        }
        print(f"{stage:10s} {by_size}  slopes {slopes[stage]}")
    return {"rows": found, "slopes": slopes}


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
    parser.add_argument("what", choices=["rows", "pictures", "evaluate"], nargs="?", default="rows")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    if given.what == "evaluate":
        print(json.dumps(_evaluate(given.rows[0])))
        return
    found = rows(given.rows) if given.what == "rows" else pictures(given.pictures, given.rounds)
    if given.save:
        path = RESULTS / f"{datetime.now(UTC).date().isoformat()}-scaling.json"
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        load = [round(one, 1) for one in os.getloadavg()]
        path.write_text(json.dumps({**before, given.what: {"load": load, **found}}, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
