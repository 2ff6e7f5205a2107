"""The front door: `facetwise ...` and `python -m facetwise ...`."""

import os
import sys

__all__ = ["main"]

# glibc's names for mallopt(3), and what they are set to in a process that starts. A block above the first is given back
# to the system as soon as it is freed, and every page of the next one goes through the kernel; the default, 128 KiB,
# sends each decoded photograph that way. Without it pictures of 2048 x 1536 are decoded 1.6 times as fast by 2 threads
# (35 to 55 a second, 2026-11-22). 32 MiB is the most that the manual allows; above the second freed memory goes back.
KEPT = {"MALLOC_MMAP_THRESHOLD_": (-3, 32 * 2**20), "MALLOC_TRIM_THRESHOLD_": (-1, 128 * 2**20)}


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 2 the user can mend it, 1 a defect of ours; 143 and
    130: stopped by SIGTERM or Ctrl-C, and the same command continues."""
    # Large pages for large tensors, where Linux gives them when asked: a step asks for its memory anew, and the first
    # touch of every small page goes through the kernel. An epoch of MoCo with 62 attributes, which keeps a gradient of
    # each, took 28 s in place of 45 (2026-11-22). Torch reads this when it is loaded; what a user has set stays.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    keep_freed_memory()
    from facetwise.cli import run

    sys.exit(run(sys.argv[1:]))


def keep_freed_memory() -> bool:
    """Keep freed blocks for the next of their size, here and in processes that this one starts; whether that is so.

    Only glibc knows how; and what a user has set stays.
    """
    if sys.platform != "linux" or "GLIBC_TUNABLES" in os.environ or any(name in os.environ for name in KEPT):
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None or not all(mallopt(number, size) for number, size in KEPT.values()):
        return False
    os.environ.update({name: str(size) for name, (_, size) in KEPT.items()})
    return True


if __name__ == "__main__":
    main()
