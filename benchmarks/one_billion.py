"""A plan for a billion pictures, computed from rates that were measured; `docs/explanation/one-billion.md` quotes it.

python benchmarks/one_billion.py                       the table
python benchmarks/one_billion.py --core-hour 0.05      with prices of your own
python benchmarks/one_billion.py --write               into the page, in place of the table there
"""

import argparse
import re
from pathlib import Path

PICTURES = 1_000_000_000
# benchmarks/results/2026-11-21-extraction.md: lite0, JPEGs of 512 x 384, decoding included, two cores.
PICTURES_PER_SECOND, CORES = 102.3, 2
# The same JPEGs, mean of twenty.
PICTURE_BYTES = 57_839
# lite0 gives nine depths, 4,192 numbers of four bytes; index and markers of 260 rows took 258 and 204 bytes a row.
ROW_BYTES, INDEX_BYTES, MARKER_BYTES = 4192 * 4, 258, 204
# What an open cache keeps in memory of every row that it knows (a million rows, 2026-11-21).
KNOWN_BYTES = 277
# facetwise.features: pictures of a shard; and what we choose to put into one cache, so that its memory stays small.
SHARD, PART = 1024, 1_000_000
# Processor time of `extract --shard 2/16` with a part's table of three columns when its pictures are there already:
# reading the table, looking for the column of pictures, finding those of its rows; twice the 2.87 s that 500,000 rows
# took (2026-11-22).
TASK_SECONDS = 6
# A task of an array takes so many parts of a part: few enough that its own seconds are little.
TASKS = 16
# Rows to train on, and the last depth of lite0: numbers of four bytes.
SAMPLE, LAST_BYTES = 1_000_000, 1280 * 4
# Memory of as many rows of the last depth, in float16 on disk, three attributes; and what each row more takes for
# table, labels and split (docs/how-to/scale.md, 2026-11-21).
STREAMED_MIB, STREAMED_BYTES = 1_491, 121
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "one-billion.md"


def plan(core_hour: float, gigabyte_month: float, cores: int) -> list[tuple[str, str, str]]:
    """(what, how much, from what)."""
    per_core = PICTURES_PER_SECOND / CORES
    hours = PICTURES / per_core / 3600
    parts, shards = PICTURES // PART, -(-PART // SHARD)
    task_hours = TASK_SECONDS * parts * TASKS / 3600
    kept = PICTURES * (ROW_BYTES + INDEX_BYTES + MARKER_BYTES)
    return [
        ("parts, each with a cache of its own", f"{parts:,}", f"{PART:,} pictures each, chosen"),
        ("shards of a part", f"{shards:,}", f"{SHARD:,} pictures each"),
        ("shards in all", f"{parts * shards:,}", ""),
        ("seconds of a shard on one core", f"{SHARD / per_core:.0f}", f"{per_core:.1f} pictures/s and core"),
        ("what a killed worker loses at most", f"{SHARD / per_core:.0f} s of a core", "its shard"),
        ("core-hours of extraction", f"{hours:,.0f}", f"{PICTURES:,} / {per_core:.1f} / 3600"),
        ("tasks of a part, where an array of jobs does it", f"{TASKS}",
         f"--shard 1/{TASKS} to {TASKS}/{TASKS}, chosen"),
        ("core-hours of tasks for reading their part's table", f"{task_hours:,.0f}",
         f"{TASK_SECONDS} s a task; with a task for every shard {TASK_SECONDS * parts * shards / 3600:,.0f}"),
        (f"hours on {cores:,} cores", f"{(hours + task_hours) / cores:.1f}", "if nothing waits for the disk"),
        (f"reading for {cores:,} cores", f"{cores * per_core * PICTURE_BYTES / 1e9:.1f} GB/s",
         f"{PICTURE_BYTES / 1000:.0f} kB a picture"),
        ("pictures read", f"{PICTURES * PICTURE_BYTES / 1e12:.0f} TB", f"{PICTURE_BYTES / 1000:.0f} kB a picture"),
        ("features, index and markers", f"{kept / 1e12:.1f} TB",
         f"{ROW_BYTES:,} + {INDEX_BYTES} + {MARKER_BYTES} bytes a row"),
        ("memory of a worker for the rows that it knows", f"{PART * KNOWN_BYTES / 1e6:.0f} MB",
         f"{KNOWN_BYTES} bytes a row of its part"),
        ("the same with one cache for all", f"{PICTURES * KNOWN_BYTES / 1e9:.0f} GB", "why there are parts"),
        (f"features of {SAMPLE:,} rows to train on", f"{SAMPLE * ROW_BYTES / 1e9:.1f} GB",
         f"with all depths; {SAMPLE * LAST_BYTES / 1e9:.1f} GB with `levels: last`"),
        ("memory to train on them from disk", f"{STREAMED_MIB:,} MiB",
         f"last depth, three attributes; {STREAMED_BYTES} bytes a row more for table, labels and split"),
        ("extraction", f"{(hours + task_hours) * core_hour:,.0f} USD", f"{core_hour:.3f} USD a core-hour, assumed"),
        ("a month of features", f"{kept / 1e9 * gigabyte_month:,.0f} USD",
         f"{gigabyte_month:.3f} USD a GB and month, assumed"),
    ]  # fmt: skip


def main() -> None:
    """The table, as Markdown: printed, or put into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core-hour", type=float, default=0.03)
    parser.add_argument("--gigabyte-month", type=float, default=0.02)
    parser.add_argument("--cores", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows = plan(given.core_hour, given.gigabyte_month, given.cores)
    lines = ["| what | how much | from |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        table = re.compile(r"^\| what \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
        PAGE.write_text(table.sub(lambda _: "\n".join(lines), page, count=1), encoding="utf-8")
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
