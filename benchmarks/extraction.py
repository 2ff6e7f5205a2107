"""How near extraction comes to what the machine can do, and how far ahead it is of a plain PyTorch loop.

    python benchmarks/extraction.py            prints; about five minutes on two cores
    python benchmarks/extraction.py --save     also writes benchmarks/results/DATE-extraction.{md,json}
    python benchmarks/extraction.py --size 2048 1536 --pictures 200     large ones; results are DATE-extraction-2048

One backbone picture costs 1/b seconds and one decoded picture 1/d seconds, if each has all cores to itself; no pipeline
can do more than 1 / (1/b + 1/d) pictures a second on the same cores. b is the same graph in a plain ONNX Runtime
session (default options, all cores) on tensors in memory, at its best batch size; d is reading, decoding and fitting on
a pool of threads. The loop that we compare with is a DataLoader with two workers and the same network, descriptors and
pixels in eager PyTorch, channels last, timed after a warm-up. Every measurement is a process of its own, repeated in
turns so that a busy neighbour disturbs all alike; medians over the rounds are reported. Run it on an idle machine: the
load before the first round is printed. The batch size that is best is the one that is best in the median: the best of
three in every round would be the luckiest of three.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from facetwise.__main__ import keep_freed_memory
from facetwise.features import available_cores, export_graph, extract, graph_path
from facetwise.images import decode, fit, read_bytes
from facetwise.models.backbones import create_backbone

RESULTS = Path(__file__).parent / "results"
PICTURES = 1200
# Of the slow loop, which is timed after its warm-up, fewer show its pace as well.
LOADER_PICTURES = 320
SIZE = (512, 384)
BATCHES = (1, 8, 32)
ROUNDS = 5
OTHERS = "used by other programs (% of all cores)"
# What the project promises.
CEILING_SHARE = 0.97
TIMES_LOADER = 2.5
# Twice the pictures may cost this much more memory: a shard of rows being filled, and noise.
MEMORY_GROWTH = 1.1


def photograph(number: int, size: tuple[int, int]) -> Image.Image:
    """Like one: soft colours, edges, and the fine noise that makes decoding cost what it costs."""
    generator = np.random.default_rng(number)
    clouds = Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    blocks = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.NEAREST
    )
    values = np.asarray(Image.blend(clouds, blocks, 0.25)) + generator.normal(0, 8, (size[1], size[0], 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def draw(folder: Path, count: int, size: tuple[int, int]) -> None:
    """JPEGs like photographs."""
    for number in range(count):
        photograph(number, size).save(folder / f"{number:05d}.jpg", quality=90)


def square(path: Path) -> np.ndarray:
    return fit(decode(read_bytes(path)), size=224, mode="squash")


def peak_memory() -> float:
    """MiB. Not `getrusage`: its peak survives the start of a new program and would be that of the parent process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def neighbours(since: tuple[float, float, float] | None = None) -> tuple[float, float, float]:
    """Seconds of all cores in use, of which ours, and seconds on the clock; or what was added since."""
    user, nice, system = (int(word) / os.sysconf("SC_CLK_TCK") for word in Path("/proc/stat").read_text().split()[1:4])
    ours = os.times()
    now = (user + nice + system, sum(ours[:4]), time.perf_counter())
    return now if since is None else (now[0] - since[0], now[1] - since[1], now[2] - since[2])


def measure_backbone(paths: list[Path], cache: Path) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph_path(create_backbone("lite0"), cache))
    name = session.get_inputs()[0].name
    pixels = np.stack([square(path) for path in paths[:192]])
    rates = {}
    for batch in BATCHES:
        session.run(None, {name: pixels[:batch]})
        begin = time.perf_counter()
        for start in range(0, len(pixels), batch):
            session.run(None, {name: pixels[start : start + batch]})
        rates[f"backbone at batch {batch}"] = len(pixels) / (time.perf_counter() - begin)
    return rates


def measure_decode(paths: list[Path], _: Path) -> dict[str, float]:
    square(paths[0])
    begin = time.perf_counter()
    with ThreadPoolExecutor(available_cores()) as pool:
        count = sum(1 for _ in pool.map(square, paths))
    return {"decode": count / (time.perf_counter() - begin)}


def measure_extract(paths: list[Path], cache: Path) -> dict[str, float]:
    # Loading libraries is not timed, here as elsewhere. Everything else is: building the session, the cache, the disk.
    import onnxruntime  # noqa: F401
    import polars  # noqa: F401

    square(paths[0])  # Pillow's readers of formats, as for decoding
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        (fresh / "graphs").symlink_to(cache / "graphs")
        begin = time.perf_counter()
        found = extract(paths, backbone=create_backbone("lite0"), cache=fresh, device="cpu")
        seconds = time.perf_counter() - begin
    assert found.computed == len(paths)
    assert not found.problems
    return {"extract": len(paths) / seconds, "peak": peak_memory()}


def measure_loader(paths: list[Path], cache: Path) -> dict[str, float]:
    import torch
    from torch.utils.data import DataLoader, Dataset

    paths = paths[:LOADER_PICTURES]

    class Pictures(Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.from_numpy(square(paths[index]).copy())

    network = create_backbone("lite0", cache=cache).describer().to(memory_format=torch.channels_last)
    loader = DataLoader(Pictures(), batch_size=32, num_workers=2, persistent_workers=True)
    with torch.inference_mode():
        network(next(iter(loader)))
        begin = time.perf_counter()
        rows = [network(pixels) for pixels in loader]
        seconds = time.perf_counter() - begin
    assert sum(len(row) for row in rows) == len(paths)
    return {"loader": len(paths) / seconds}


MEASURES: dict[str, Callable[[list[Path], Path], dict[str, float]]] = {
    "backbone": measure_backbone,
    "decode": measure_decode,
    "extract": measure_extract,
    "loader": measure_loader,
}


def in_a_process(measure: str, count: int, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", measure, "--pictures", str(count), "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[str, list[float]], peaks: dict[int, float]) -> tuple[str, dict[str, object], bool]:
    rates = {name: statistics.median(values) for name, values in found.items()}
    best = max((f"backbone at batch {batch}" for batch in BATCHES), key=rates.__getitem__)
    # Share and factor are taken within each round, where all four numbers are neighbours in time.
    rounds = zip(found[best], found["decode"], found["extract"], found["loader"], strict=True)
    shares, factors = [], []
    for backbone, decoded, extracted, loaded in rounds:
        shares.append(extracted * (1 / backbone + 1 / decoded))
        factors.append(extracted / loaded)
    share, factor = statistics.median(shares), statistics.median(factors)
    lines = [
        "| pictures/s | median | lowest | highest |",
        "|---|---|---|---|",
        *(f"| {name} | {rates[name]:.1f} | {min(values):.1f} | {max(values):.1f} |" for name, values in found.items()),
        "",
        f"* Share of the ceiling 1/(1/backbone + 1/decode): **{share:.3f}** (promised {CEILING_SHARE}; "
        f"rounds {', '.join(f'{value:.3f}' for value in shares)})",
        f"* Times the DataLoader loop: **{factor:.2f}** (promised {TIMES_LOADER}; "
        f"rounds {', '.join(f'{value:.2f}' for value in factors)})",
        *(f"* Peak memory for {count} pictures: {peak:.0f} MiB" for count, peak in peaks.items()),
    ]
    smaller, larger = peaks.values()
    kept = share >= CEILING_SHARE and factor >= TIMES_LOADER and larger <= MEMORY_GROWTH * smaller
    data = {
        "rates": rates,
        "best": best,
        "share_of_ceiling": share,
        "times_loader": factor,
        "peak_mib": {str(count): peak for count, peak in peaks.items()},
        "rounds": found,
        "cores": available_cores(),
        "versions": {name: version(name) for name in ("onnxruntime", "torch", "timm", "pillow", "numpy")},
        "python": platform.python_version(),
    }
    return "\n".join(lines), data, kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        if options.measure != "loader":  # as the command line does; the loop is what a user writes
            keep_freed_memory()
        paths = sorted((options.folder / "pictures").iterdir())[: options.pictures]
        print(json.dumps(MEASURES[options.measure](paths, options.folder / "cache")))
        return 0
    load = os.getloadavg()[0]
    print(f"load before: {load:.2f}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        draw(folder / "pictures", 2 * options.pictures, tuple(options.size))
        export_graph(create_backbone("lite0", cache=folder / "cache"), folder / "cache")
        found: dict[str, list[float]] = {}
        for number in range(options.rounds):
            start = neighbours()
            for measure in MEASURES:
                for key, value in in_a_process(measure, options.pictures, folder).items():
                    if key != "peak":
                        found.setdefault(key, []).append(value)
            used, ours, seconds = neighbours(start)
            found.setdefault(OTHERS, []).append(max(0.0, used - ours) / (seconds * (os.cpu_count() or 1)) * 100)
            latest = ", ".join(f"{key} {values[-1]:.1f}" for key, values in found.items())
            print(f"round {number + 1} of {options.rounds}: {latest}", file=sys.stderr)
        counts = (options.pictures, 2 * options.pictures)
        peaks = {count: in_a_process("extract", count, folder)["peak"] for count in counts}
    text, data, kept = report(found, peaks)
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        stem = RESULTS / f"{datetime.now(tz=UTC):%Y-%m-%d}-extraction"
        width, height = options.size
        if (width, height) != SIZE:
            stem = stem.with_name(f"{stem.name}-{width}")
        title = f"# Extraction, {options.pictures} JPEGs of {width} x {height}, {available_cores()} cores\n\n"
        stem.with_suffix(".md").write_text(title + text + "\n", encoding="utf-8")
        stem.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
