"""Two extractors on one empty cache at once: the rows are those of one alone, byte for byte.

python tests/faults/together.py
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from kill_runs import Fresh, rows_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--extractors", type=int, default=2)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facetwise-together-"))
    from facetwise.data.catalogue import draw_catalogue

    table = draw_catalogue(folder, items=given.items)
    found = {}
    for name, count in (("alone", 1), ("together", given.extractors)):
        words = ["extract", str(table), "--workers", "1", "--cache", str(folder / name), "--quiet"]
        codes = [process.wait() for process in [Fresh(words, folder, folder / name) for _ in range(count)]]
        if any(codes):
            raise SystemExit(f"exit codes {codes}; see {folder / 'words.log'}")
        found[name] = rows_of(folder / name)
    (alone, _, _), (together, written, leftovers) = found["alone"], found["together"]
    told = {"rows": len(together), "equal": together == alone, "written": written, "leftovers": leftovers}
    sys.stdout.write(json.dumps(told) + "\n")
    shutil.rmtree(folder)
    return 0 if together == alone and not leftovers else 1


if __name__ == "__main__":
    sys.exit(main())
