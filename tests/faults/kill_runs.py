"""Kill -9 at random moments, the same command again until it finishes, and the end compared byte for byte.

    python tests/faults/kill_runs.py --stage train --runs 30
    python tests/faults/kill_runs.py --stage extract --runs 10 --fork

`train` trains on cached features; `extract` begins with an empty cache, so that extraction is killed as well; with
--exported the graph of the backbone lies in it, whose export takes longer than all the rest. A run is killed once for
certain, at a moment drawn evenly from the time between the first file that it writes and its end (the first of n runs
in the first n-th of it, and so on), and then, with a chance of one half each time, again. Every step is saved, as
minutes are in a long training (`saving_command.py`). One line of JSON for every run, and one for all.

Beside the end, which has to be equal, every continuation has to say that it begins where the killed run was saved, no
row of a cache may be there twice, and no kill may leave more than the one file that was being written.

With --fork the killed processes branch off from one that has imported everything already, which saves most of the time;
the undisturbed run is a process of its own in any case.
"""

import argparse
import hashlib
import importlib
import io
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
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from safetensors.numpy import load
from saving_command import save_always

COMMAND = Path(__file__).with_name("saving_command.py")
PATIENCE = 600.0
NOTHING = (0, 0)


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
        environment["PYTHONUNBUFFERED"] = "1"
        with (folder / "words.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(COMMAND), *words], env=environment, cwd=folder, stdout=log, stderr=log
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
        from facetwise.__main__ import main

        save_always()
        for stream in (sys.stdout, sys.stderr):  # what was said before a kill is in the log
            cast("io.TextIOWrapper", stream).reconfigure(line_buffering=True)
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


@dataclass
class Kill:
    """One kill: when, in seconds after the first file; epochs and steps that were saved; where the next one began."""

    after: float
    saved: tuple[int, int]
    continued: tuple[int, int] | None = None


def saved_at(out: Path) -> tuple[int, int]:
    """Epochs, and steps of the next one, that the last checkpoint holds."""
    facts = out / "checkpoints" / "last" / "metrics.json"
    if not facts.is_file():
        return NOTHING
    progress = json.loads(facts.read_text(encoding="utf-8"))["progress"]
    return progress["epoch"], progress["step"]


def continued_at(said: str) -> tuple[int, int] | None:
    """The same, as a run says it that continues; None where it says nothing."""
    if found := re.search(r"continuing after epoch (\d+)", said):
        return int(found[1]), 0
    if found := re.search(r"continuing in epoch (\d+), after step (\d+)", said):
        return int(found[1]) - 1, int(found[2])
    return None


def forgotten(kills: list[Kill], end: tuple[int, int]) -> list[Kill]:
    """Those after which less was there than had been saved, or the run went on from elsewhere.

    One that was killed again before it had saved anything more may have said nothing.
    """
    lost = []
    for kill, then in zip(kills, [*(kill.saved for kill in kills[1:]), end], strict=True):
        silent = kill.continued is None and kill is not kills[-1] and then == kill.saved
        if kill.saved != NOTHING and (then < kill.saved or not (silent or kill.continued == kill.saved)):
            lost.append(kill)
    return lost


def kill_until_it_finishes(
    start: Callable[[], _Work], out: Path, *, first: float, seconds: float, rng: random.Random
) -> list[Kill]:
    """The kills; the first of them so many seconds after the first file."""
    kills: list[Kill] = []
    log = out.parent / "words.log"
    for _ in range(100):
        begins = log.stat().st_size
        process, moment = start(), first if not kills else rng.uniform(0.0, seconds)
        again = not kills or rng.random() < 0.5
        killed = again and _wait_for(process, out) and process.wait(moment) is None
        if killed:
            process.kill()
        code = process.wait()
        said = log.read_bytes()[begins:].decode(errors="replace")
        if kills:
            finished = "already holds this finished run" in said
            kills[-1].continued = kills[-1].saved if finished else continued_at(said)
        if code == 0 and kills:
            return kills
        if code == 0:  # it was quicker than the moment that was drawn: from the beginning, and somewhat earlier
            shutil.rmtree(out)
            first *= rng.uniform(0.7, 1.0)
        elif code != -9:
            raise SystemExit(f"{out}: exit code {code}; see words.log beside it")
        elif killed:
            kills.append(Kill(round(moment, 3), saved_at(out)))
    raise SystemExit(f"{out} does not finish")


class Killing:
    """One table, what an undisturbed run makes of it, and runs that are killed.

    Args:
        folder: Where to work.
        given: What was asked for on the command line.
    """

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        from facetwise.data.catalogue import draw_catalogue

        self.folder, self.given, self.cache = folder, given, folder / "cache"
        self.table = draw_catalogue(folder, items=given.items)
        self.rng = random.Random(given.seed)  # noqa: S311
        straight = folder / "straight"
        # The first fills the cache; the time that counts is that of one which finds what the killed ones find.
        self.seconds = self._straight(straight, self.cache)
        if given.stage == "train":
            self.seconds = self._straight(straight, self.cache)
        elif given.exported:
            self.seconds = self._straight(straight, self._own_cache("again"))
        self.wanted, (self.rows, _, _) = outcome(straight), rows_of(self.cache)

    def _words(self, out: Path) -> list[str]:
        epochs = str(self.given.epochs)
        return ["train", str(self.table), "--out", str(out), "--epochs", epochs, "--patience", epochs,
                "--batch-size", "32", "--workers", "1"]  # fmt: skip

    def _own_cache(self, name: str) -> Path:
        """Of `extract`: without rows."""
        if self.given.stage == "train":
            return self.cache
        own = self.folder / f"cache-{name}"
        shutil.rmtree(own, ignore_errors=True)
        if self.given.exported:
            shutil.copytree(self.cache / "graphs", own / "graphs")
        return own

    def _straight(self, out: Path, cache: Path) -> float:
        """An undisturbed run; its seconds from the first file on."""
        shutil.rmtree(out, ignore_errors=True)
        process = Fresh(self._words(out), self.folder, cache)
        _wait_for(process, out)
        began = time.monotonic()
        if process.wait() != 0:
            raise SystemExit(f"the undisturbed run failed; see {self.folder / 'words.log'}")
        return time.monotonic() - began

    def run(self, number: int) -> tuple[dict[str, Any], list[Kill]]:
        """What became of one run, and its kills."""
        out, own = self.folder / f"run{number:02d}", self._own_cache(f"{number:02d}")
        shutil.rmtree(out, ignore_errors=True)
        start = partial(Forked if self.given.fork else Fresh, self._words(out), self.folder, own)
        first = self.seconds * (number + self.rng.random()) / self.given.runs
        kills = kill_until_it_finishes(start, out, first=first, seconds=self.seconds, rng=self.rng)
        found, (rows, written, leftovers) = outcome(out), rows_of(own)
        different = sorted(
            name for name in self.wanted.keys() | found.keys() if self.wanted.get(name) != found.get(name)
        )
        told = {
            "run": number, "kills": [asdict(kill) for kill in kills], "equal": not different and rows == self.rows,
            "different": different, "forgotten": len(forgotten(kills, saved_at(out))),
            "rows computed twice": written - len(rows), "leftovers": leftovers,
        }  # fmt: skip
        good = told["equal"] and not told["forgotten"] and written == len(rows) and len(leftovers) <= len(kills)
        told["good"] = good
        if own != self.cache:
            shutil.rmtree(own)
        if good:
            shutil.rmtree(out)
        return told, kills


def _stood(kill: Kill, epochs: int) -> str:
    """What a kill found."""
    if kill.saved == NOTHING:
        return "before the first step was saved"
    return "after the last epoch" if kill.saved[0] == epochs else "in the middle of training"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=["train", "extract"], default="train")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fork", action="store_true")
    parser.add_argument("--exported", action="store_true", help="extract: the graph of the backbone is in the cache")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder if not given")
    parser.add_argument("--log", type=Path, help="file that gets the lines too")
    given = parser.parse_args()

    folder = (given.folder or Path(tempfile.mkdtemp(prefix="facetwise-kills-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if given.fork:
        load_everything()
    killing = Killing(folder, given)
    told, stood = [], Counter[str]()
    for number in range(given.runs):
        one, kills = killing.run(number)
        stood.update(_stood(kill, given.epochs) for kill in kills)
        told.append(one)
        _tell(one, given.log)
    good = all(one["good"] for one in told)
    # A harness that killed nothing in the middle of a training has shown nothing of continuing one.
    proves = given.stage == "extract" or stood["in the middle of training"] > 0
    _tell(
        {
            "stage": given.stage, "runs": given.runs, "kills": dict(stood), "equal": sum(one["equal"] for one in told),
            "forgotten": sum(one["forgotten"] for one in told), "leftovers": sum(len(one["leftovers"]) for one in told),
            "rows computed twice": sum(one["rows computed twice"] for one in told),
            "seconds": round(killing.seconds, 2), "good": good and proves,
        },
        given.log,
    )  # fmt: skip
    if given.folder is None and good:
        shutil.rmtree(folder)
    return 0 if good and proves else 1


if __name__ == "__main__":
    sys.exit(main())
