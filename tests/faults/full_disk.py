"""A disk that fills up in the middle of a run, for real: a small tmpfs (Linux, as root or below `unshare`).

    python tests/faults/full_disk.py
    unshare --map-root-user --mount python tests/faults/full_disk.py --sizes 1000 --fork

The feature cache and the run lie on that disk; only the graph of the backbone lies elsewhere. For every size from one
that holds nothing up to one that holds nearly everything: one line with the path and the bytes needed and free, exit
code 2, no traceback, no half file, and rows in the cache that are those of an undisturbed extraction. With more room
the same command says that it continues at the checkpoint that was there, computes no row twice, and ends in the bits
of a run that never lacked any.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kill_runs import NOTHING, Forked, Fresh, continued_at, load_everything, outcome, rows_of, saved_at

# More than all of it needs.
ROOMY = 400_000
SIZES = [8, 300, 1000, 3000, 9000, 20000, 30000]


def _mount(place: Path, size: int, *, again: bool = False) -> None:
    options = f"{'remount,' if again else ''}size={size}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)


class Disk:
    """A table, its undisturbed run, and the small disk on which it is run again."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        from facetwise.data.catalogue import draw_catalogue

        self.folder, self.place, self.fork = folder, folder / "disk", given.fork
        self.table = draw_catalogue(folder, items=given.items)
        self.place.mkdir()
        code, words = self._train(folder / "straight", folder / "cache")
        if code != 0:
            raise SystemExit(f"the undisturbed run failed:\n{words}")
        self.wanted, (self.rows, _, _) = outcome(folder / "straight"), rows_of(folder / "cache")

    def _train(self, out: Path, cache: Path) -> tuple[int | None, str]:
        """The exit code and what was said."""
        log = self.folder / "words.log"
        log.unlink(missing_ok=True)
        words = ["train", str(self.table), "--out", str(out), "--epochs", "3", "--workers", "1"]
        code = (Forked if self.fork else Fresh)(words, self.folder, cache).wait()
        return code, log.read_text(encoding="utf-8")

    def run(self, size: int) -> dict[str, Any]:
        """What becomes of a run on a disk of so many KiB, and then on one with room."""
        out, cache = self.place / "run", self.place / "cache"
        _mount(self.place, size)
        try:
            cache.mkdir()
            (cache / "graphs").symlink_to(self.folder / "cache" / "graphs")
            code, words = self._train(out, cache)
            halves = [path.name for path in self.place.rglob("*.part")]
            kept, saved = rows_of(cache)[0], saved_at(out)
            _mount(self.place, ROOMY, again=True)
            then, more = self._train(out, cache)
            found, (rows, written, _) = outcome(out), rows_of(cache)
        finally:
            subprocess.run(["umount", str(self.place)], check=True)
        errors = [line for line in words.splitlines() if line.startswith("facetwise:")]
        checks = {
            "one line": code == 2 and len(errors) == 1 and "Traceback" not in words,
            "path and bytes": bool(
                re.search(r"/disk/.*\d bytes needed, [\d,]+ (bytes )?are free.*Fix: make room", words)
            ),
            "no half file": not halves,
            "rows readable": kept.items() <= self.rows.items(),
            "checkpoint used": continued_at(more) == (None if saved == NOTHING else saved),
            "no row twice": written == len(rows),
            "then equal": then == 0 and found == self.wanted and rows == self.rows,
        }
        return {
            "KiB": size, "exit": code, "said": errors, "rows kept": len(kept), "saved": saved,
            "wrong": [name for name, good in checks.items() if not good],
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=240)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="in KiB; each too small for a whole run")
    parser.add_argument("--fork", action="store_true", help="branch off from a process that has imported everything")
    given = parser.parse_args()
    if given.fork:
        load_everything()
    folder, wrong = Path(tempfile.mkdtemp(prefix="facetwise-full-disk-")), 0
    disk = Disk(folder, given)
    for size in given.sizes:
        told = disk.run(size)
        wrong += bool(told["wrong"])
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    if not wrong:
        shutil.rmtree(folder)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
