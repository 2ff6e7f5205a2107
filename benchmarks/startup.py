"""How long `facetwise --help` takes, warm: the median of ten runs, and of a bare Python beside it.

Goal: at most 0.5 s.
"""

import statistics
import subprocess
import sys
import time

RUNS = 10


def _seconds(*words: str) -> float:
    took = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])  # the first run fills the disk cache


if __name__ == "__main__":
    print(f"python -c pass      {_seconds('-c', 'pass'):.3f} s")
    print(f"import facetwise    {_seconds('-c', 'import facetwise'):.3f} s")
    print(f"facetwise --help    {_seconds('-m', 'facetwise', '--help'):.3f} s")
