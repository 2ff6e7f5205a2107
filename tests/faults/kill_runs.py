"""Kill -9 at random moments, the same command again until it finishes, and the end compared byte for byte.

    python tests/faults/kill_runs.py --stage train --runs 30
    python tests/faults/kill_runs.py --stage extract --runs 10 --fork

`train` trains on cached features; `extract` begins with an empty cache, so that extraction is killed as well. A run is
killed once for certain, at a moment drawn evenly from the time between the first file that it writes and its end, and
then, with a chance of one half each time, again. One line of JSON for every run, and one for all.

With --fork the killed processes branch off from one that has imported everything already, which saves most of the time;
the undisturbed run is a process of its own in any case.
"""

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from safetensors.numpy import load

ROOT = Path(__file__).resolve().parents[2]
# So many pictures per shard that a short extraction writes a dozen of them.
ROWS_PER_SHARD = 32
COMMAND = (
    f"import sys; import facetwise.features._extract as room; room._SHARD_ROWS = {ROWS_PER_SHARD};"
    "from facetwise.__main__ import main; main()"
)
PATIENCE = 600.0


class _Work(Protocol):
    """A process at work."""

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code; None if it still works after so many seconds."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class Fresh:
    """A new interpreter."""

    def __init__(self, words: list[str], folder: Path, cache: Path) -> None:
        environment = {**os.environ, "FACETWISE_CACHE": str(cache), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        with (folder / "words.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *words], env=environment, cwd=folder, stdout=log, stderr=log
            )

    def wait(self, seconds: float | None = None) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        self._process.kill()


class Forked:
    """A branch of this process."""

    def __init__(self, words: list[str], folder: Path, cache: Path) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(words, folder, cache))
        self._process.start()

    @staticmethod
    def _run(words: list[str], folder: Path, cache: Path) -> None:
        log = os.open(folder / "words.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["FACETWISE_CACHE"] = str(cache)
        os.chdir(folder)
        import facetwise.features._extract as room
        from facetwise.__main__ import main

        room._SHARD_ROWS = ROWS_PER_SHARD  # ty: ignore[invalid-assignment]
        sys.argv[1:] = words
        main()

    def wait(self, seconds: float | None = None) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def load_everything() -> None:
    """What a run imports; nothing of it may have started a thread when the process branches."""
    os.environ.update({"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
    for name in ("torch", "onnxruntime", "polars", "pyarrow.parquet", "facetwise.cli", "facetwise.api"):
        importlib.import_module(name)


def _wait_for(process: _Work, sign: Path) -> bool:
    """Whether the process got so far as to write its first file."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if sign.exists():
            return True
        if process.wait(0.002) is not None:
            return False
    return False


def _told(path: Path) -> Any:
    """JSON without what depends on the clock."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(facts, dict):
        facts.pop("sha256", None)
        for name in ("seconds", "log_bytes"):
            facts.get("progress", {}).pop(name, None)
    return facts


def outcome(out: Path) -> dict[str, Any]:
    """Everything in a run folder, by name: bytes as their SHA-256, JSON and the log without times."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        if name == "log.jsonl":
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            found[name] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        elif path.suffix == ".json":
            found[name] = _told(path)
        elif name == "report.html":  # it tells whose it is, and how long the training took
            page = re.sub(rf"\b{out.name}\b", "run", path.read_text(encoding="utf-8"))
            found[name] = re.sub(r"epochs in [\d,]+ s", "epochs", page)
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def rows_of(cache: Path) -> tuple[dict[tuple[str, str], str], int, list[str]]:
    """Rows of a cache by (kind, digest of the picture), how many were written in all, and leftovers."""
    from pyarrow import parquet  # without threads, and so fit to branch off from

    rows: dict[tuple[str, str], str] = {}
    written, indexed = 0, set()
    for index in sorted(cache.glob("*/index/*.parquet")):
        kind = index.parent.parent
        indexed.add(kind / "shards" / f"{index.stem}.safetensors")
        tensors = load((kind / "shards" / f"{index.stem}.safetensors").read_bytes())
        features = tensors["features"]
        with index.open("rb") as file:
            lines = parquet.ParquetFile(file).read(columns=["digest", "row"], use_threads=False).to_pylist()
        for line in lines:
            written += 1
            digest = hashlib.sha256(features[line["row"]].tobytes()).hexdigest()
            rows.setdefault((kind.name, line["digest"]), digest)
    shards = set(cache.glob("*/shards/*.safetensors"))
    leftovers = [*sorted(shards - indexed), *sorted(cache.rglob("*.part"))]
    return rows, written, [path.relative_to(cache).as_posix() for path in leftovers]


def _tell(line: dict[str, Any], log: Path | None) -> None:
    text = json.dumps(line)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def kill_until_it_finishes(start: Callable[[], _Work], out: Path, *, seconds: float, rng: random.Random) -> list[float]:
    """The moments of the kills, in seconds after the first file."""
    kills: list[float] = []
    for _ in range(100):
        process = start()
        again = not kills or rng.random() < 0.5
        if again and _wait_for(process, out):
            moment = rng.uniform(0.0, seconds)
            if process.wait(moment) is None:
                process.kill()
                kills.append(round(moment, 3))
        code = process.wait()
        if code == 0 and kills:
            return kills
        if code == 0:  # it was quicker than the moment that was drawn: from the beginning
            shutil.rmtree(out)
        elif code != -9:
            raise SystemExit(f"{out}: exit code {code}; see words.log beside it")
    raise SystemExit(f"{out} does not finish")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=["train", "extract"], default="train")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fork", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder if not given")
    parser.add_argument("--log", type=Path, help="file that gets the lines too")
    given = parser.parse_args()

    folder = (given.folder or Path(tempfile.mkdtemp(prefix="facetwise-kills-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if given.fork:
        load_everything()
    from facetwise.data.catalogue import draw_catalogue

    table = draw_catalogue(folder, items=given.items)
    straight, cache = folder / "straight", folder / "cache"
    rng = random.Random(given.seed)  # noqa: S311

    def words(out: Path) -> list[str]:
        epochs = str(given.epochs)
        options = ["--epochs", epochs, "--patience", epochs, "--batch-size", "32", "--workers", "1", "--quiet"]
        return ["train", str(table), "--out", str(out), *options]

    # The undisturbed run; for `train` a second one, as the first has filled the cache.
    for _ in range(1 + (given.stage == "train")):
        shutil.rmtree(straight, ignore_errors=True)
        process = Fresh(words(straight), folder, cache)
        _wait_for(process, straight)
        began = time.monotonic()
        if process.wait() != 0:
            raise SystemExit(f"the undisturbed run failed; see {folder / 'words.log'}")
        seconds = time.monotonic() - began
    wanted, (rows, _, _) = outcome(straight), rows_of(cache)

    equal, kills, spare = 0, 0, 0
    for number in range(given.runs):
        out = folder / f"run{number:02d}"
        own = cache if given.stage == "train" else folder / f"cache{number:02d}"
        start = partial(Forked if given.fork else Fresh, words(out), folder, own)
        moments = kill_until_it_finishes(start, out, seconds=seconds, rng=rng)
        found, (found_rows, written, leftovers) = outcome(out), rows_of(own)
        different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        same = not different and found_rows == rows
        equal, kills = equal + same, kills + len(moments)
        spare += written - len(found_rows)
        told = {"run": number, "kills": moments, "equal": same, "different": different}
        if given.stage == "extract":
            told |= {"rows": len(found_rows), "written": written, "leftovers": leftovers}
            shutil.rmtree(own)
        _tell(told, given.log)
        if same:
            shutil.rmtree(out)
    _tell(
        {
            "stage": given.stage, "runs": given.runs, "kills": kills, "equal": equal,
            "seconds": round(seconds, 2), "rows computed twice": spare,
        },
        given.log,
    )  # fmt: skip
    if given.folder is None and equal == given.runs:
        shutil.rmtree(folder)
    return 0 if equal == given.runs else 1


if __name__ == "__main__":
    sys.exit(main())
