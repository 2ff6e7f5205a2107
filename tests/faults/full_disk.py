"""A disk that fills up in the middle of a run, for real: a small tmpfs (Linux, as root).

    python tests/faults/full_disk.py

For every size from one that holds nothing up to one that holds everything: one line with the path and the bytes, exit
code 2, no traceback, no half file, a checkpoint that is whole; and with more room the same command ends in the bits of
a run that never lacked any.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kill_runs import Fresh, outcome


def _mount(place: Path, size: int, *, again: bool = False) -> None:
    options = f"{'remount,' if again else ''}size={size}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=240)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 300, 1000, 3000, 9000, 20000], help="in KiB")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facetwise-full-disk-"))
    from facetwise.data.catalogue import draw_catalogue
    from facetwise.training import read_checkpoint

    table, cache = draw_catalogue(folder, items=given.items), folder / "cache"
    (folder / "disk").mkdir()

    def train(out: Path) -> tuple[int | None, str]:
        log = folder / "words.log"
        log.unlink(missing_ok=True)
        words = ["train", str(table), "--out", str(out), "--epochs", "3", "--workers", "1", "--quiet"]
        code = Fresh(words, folder, cache).wait()
        return code, log.read_text(encoding="utf-8")

    assert train(folder / "straight")[0] == 0
    wanted, failures = outcome(folder / "straight"), 0
    for size in given.sizes:
        _mount(folder / "disk", size)
        out = folder / "disk" / "run"
        try:
            code, words = train(out)
            errors = [line for line in words.splitlines() if line.startswith("facetwise:")]
            last = out / "checkpoints" / "last"
            saved = read_checkpoint(last).facts["epoch"] if (last / "metrics.json").exists() else None
            halves = [path.name for path in out.rglob("*.part")] if out.exists() else []
            _mount(folder / "disk", 200_000, again=True)
            then = train(out)[0]
            same = then == 0 and outcome(out) == wanted
        finally:
            subprocess.run(["umount", str(folder / "disk")], check=True)
        good = same and not halves and (code == 0 or (code == 2 and len(errors) == 1 and "Traceback" not in words))
        failures += not good
        told = {"KiB": size, "exit": code, "said": errors, "saved epoch": saved, "halves": halves, "then equal": same}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
