"""Kill -9 at random moments of what comes after a training; then the same command again, and the end compared.

    python tests/faults/kill_commands.py --runs 10
    python tests/faults/kill_commands.py --only predict sweep

Every command is killed at a moment drawn evenly from the time that it takes. What lies then under a name that was asked
for is whole, or not there; and the same command again (with `--overwrite` where it says that its file is there) ends as
if nothing had happened. One line of JSON for every command.
"""

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kill_runs import Forked, Fresh, load_everything, outcome

# Where trials are appended to, and what lies beside it while they run; everything else is written at once.
GROWING = ("journal", "scratch", "cells", ".part", ".begun", "log.jsonl", "checkpoints")
SMALL = "--set epochs=2 --set batch_size=32 --set workers=1"
COMMANDS = {
    "predict": "predict {run} {photos} --out {out}/a.csv",
    "shard": "predict {run} {photos} --shard 1/2 --out {out}/a.csv",
    "gallery": "predict {run} {photos} --gallery {out}/gallery.html",
    "fill": "fill {table} --run {run} --out {out}/a.csv",
    "report": "report {run} --out {out}/report.html",
    "suggest": "suggest {run} --out {out}/next.csv",
    "export": "export {run} --out {out}/model.onnx",
    "audit": f"audit {{table}} --out {{out}}/audit {SMALL}",
    "sweep": f"sweep {{table}} --search learning_rate=log:1e-4..1e-2 --trials 3 --out {{out}}/sweep {SMALL}",
    "compare": f"compare {{table}} --vary balancing=equal,dwa --seeds 2 --out {{out}}/comparison {SMALL}",
}
# What a command measured of itself, where it wrote, and the number of a trial: one that was killed keeps its own.
OWN = ("seconds", "peak_megabytes", "created", "out", "run", "trial", "number")


def seen(out: Path) -> dict[str, Any]:
    """What a command has written, by name."""
    found = outcome(out)
    for name in found:
        if name.endswith("trials.csv"):
            lines = (out / name).read_text(encoding="utf-8").splitlines()
            found[name] = [line.partition(",")[2] for line in lines]
        elif name == "comparison/report.html":
            found[name] = re.sub(r'"number">[\d.]+<|\d+ (s|MB|min)\b', "", (out / name).read_text(encoding="utf-8"))
    return {name: _without_own(told) for name, told in found.items() if not any(word in name for word in GROWING)}


def _without_own(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_own(value) for name, value in told.items() if name not in OWN}
    return [_without_own(value) for value in told] if isinstance(told, list) else told


class Trial:
    """One trained run, and commands that are killed over it."""

    def __init__(self, folder: Path, *, items: int, seed: int) -> None:
        from facetwise.data.catalogue import draw_catalogue

        self.folder, self.cache, self.run = folder, folder / "cache", folder / "trained"
        self.table = draw_catalogue(folder, items=items)
        self.rng = random.Random(seed)  # noqa: S311
        words = ["train", str(self.table), "--out", str(self.run), "--quiet", *SMALL.split()]
        if Fresh(words, folder, self.cache).wait() != 0:
            raise SystemExit(f"the training failed; see {folder / 'words.log'}")

    def words(self, name: str, out: Path) -> list[str]:
        """A command that writes below a new folder."""
        out.mkdir(parents=True)
        photos = self.table.parent / "images"
        return [*COMMANDS[name].format(run=self.run, table=self.table, photos=photos, out=out).split(), "--quiet"]

    def finish(self, words: list[str]) -> float:
        """The command to its end; seconds."""
        began = time.monotonic()
        if (code := Forked(words, self.folder, self.cache).wait()) == 2:
            code = Forked([*words, "--overwrite"], self.folder, self.cache).wait()
        if code != 0:
            raise SystemExit(f"{' '.join(words)}: exit code {code}; see {self.folder / 'words.log'}")
        return time.monotonic() - began

    def kill(self, name: str, runs: int) -> dict[str, Any]:
        """What became of a command that was killed so many times."""
        ends: list[dict[str, Any]] = []
        seconds = 0.0
        for place in ("first", "second"):  # the second is quicker: what both read is there
            out = self.folder / name / place / "out"
            seconds = self.finish(self.words(name, out))
            ends.append(seen(out))
        # Times that are written differ from one undisturbed run to the next.
        wanted = {path: told for path, told in ends[0].items() if told == ends[1].get(path)}
        killed, torn, different = 0, [], []
        for number in range(runs):
            out = self.folder / name / f"{number:02d}" / "out"
            words = self.words(name, out)
            process = Forked(words, self.folder, self.cache)
            if process.wait(self.rng.uniform(0.0, seconds)) is None:
                process.kill()
                process.wait()
                killed += 1
            torn += [path for path, told in seen(out).items() if told != wanted.get(path, told)]
            self.finish(words)
            ended = seen(out)
            different += sorted(ends[0].keys() ^ ended.keys())
            different += [path for path, told in ended.items() if told != wanted.get(path, told)]
        return {
            "command": name, "seconds": round(seconds, 2), "runs": runs, "killed": killed, "torn": torn,
            "different": different, "never the same": sorted(ends[0].keys() - wanted.keys()),
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(COMMANDS), choices=COMMANDS)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--items", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facetwise-kills-")).resolve()
    load_everything()
    trial, wrong = Trial(folder, items=given.items, seed=given.seed), 0
    for name in given.only:
        told = trial.kill(name, given.runs)
        wrong += bool(told["torn"] or told["different"])
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    if not wrong:
        shutil.rmtree(folder)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
