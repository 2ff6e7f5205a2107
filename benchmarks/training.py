"""Training from cached features: this version against an older one, in turn, on the same table.

    python benchmarks/training.py [TABLE] --against 8628dc8 --rounds 3 --save

Both versions run `facetwise train` with their own defaults in processes of their own, each with its own cache that is
filled beforehand. Two times are told: the whole command, and the training alone, from the moment the run's environment
is written to the moment its bundle is (setting up, epochs, thresholds and scores; not reading the table, not the
report). The quality of both stands beside them: a quicker training that is worse would be none. 8628dc8 is the first
version whose main job was whole.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# Between two looks for a file, seconds: a thousandth of what is timed.
LOOK = 0.02


def command(source: Path, cache: Path, *words: str | Path) -> tuple[list[str], dict[str, str]]:
    """The command line of one version, and its environment."""
    line = [sys.executable, "-m", "facetwise", *map(str, words)]
    # Both compiled beforehand, as an installed package is: a source tree that may not be written to is compiled anew.
    compiled = {"PYTHONPYCACHEPREFIX": str(cache / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    return line, {**os.environ, "PYTHONPATH": str(source / "src"), "FACETWISE_CACHE": str(cache), **compiled}


def trained(source: Path, cache: Path, table: Path, out: Path) -> dict[str, float]:
    """Seconds of one training and of the whole command, and its score."""
    line, environment = command(source, cache, "train", table, "--images", table.parent, "--out", out)
    seen: dict[str, float] = {}
    began = time.perf_counter()
    with (out.parent / f"{out.name}.log").open("w") as log:
        process = subprocess.Popen(line, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            for name in ("environment.json", "bundle/bundle.json"):
                if name not in seen and (out / name).is_file():
                    seen[name] = time.perf_counter()
            time.sleep(LOOK)
    whole = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(line)} ended with {process.returncode}; its words are in {out}.log")
    score = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["overall"]["mean_macro_f1"]
    end = seen.get("bundle/bundle.json", began + whole)
    return {"training": end - seen["environment.json"], "whole": whole, "score": score}


def main() -> None:
    """Run both versions in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = Path(os.environ.get("FACETWISE_REALDATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("table", nargs="?", type=Path, default=photos / "fashion" / "labels.csv")
    parser.add_argument("--against", default="8628dc8", help="the other version, as git names it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-training.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        here = Path(folder)
        subprocess.run(["git", "worktree", "add", "--detach", here / "other", given.against], cwd=ROOT, check=True)
        sources = {"other": here / "other", "this": ROOT}
        try:
            for name, source in sources.items():
                line, environment = command(
                    source, here / f"cache-{name}", "extract", given.table, "--images", given.table.parent, "--quiet"
                )
                subprocess.run(line, env=environment, check=True, stdout=subprocess.DEVNULL)
                compiling = [sys.executable, "-m", "compileall", "-q", source / "src"]
                subprocess.run(compiling, env=environment, check=True)
            rounds: list[dict[str, dict[str, float]]] = []
            for turn in range(given.rounds):
                rounds.append({
                    name: trained(source, here / f"cache-{name}", given.table, here / f"{name}{turn}")
                    for name, source in sources.items()
                })  # fmt: skip
                ratios = {key: rounds[-1]["other"][key] / rounds[-1]["this"][key] for key in ("training", "whole")}
                print(json.dumps({**rounds[-1], "times quicker": ratios}), flush=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", here / "other"], cwd=ROOT, check=True)
    found = {
        "versions": {"facetwise": version("facetwise"), "torch": version("torch"), "python": platform.python_version()},
        "table": given.table.parent.name, "against": given.against, "rounds": rounds,
        "times quicker, median": {
            key: median(each["other"][key] / each["this"][key] for each in rounds) for key in ("training", "whole")
        },
    }  # fmt: skip
    print(json.dumps(found["times quicker, median"]))
    if given.save:
        out = ROOT / "benchmarks" / "results" / f"{date.today()}-training.json"
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
