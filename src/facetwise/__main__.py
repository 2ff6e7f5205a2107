"""The front door: `facetwise ...` and `python -m facetwise ...`."""

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 2 the user can mend it, 1 a defect of ours; 143 and
    130: stopped by SIGTERM or Ctrl-C, and the same command continues."""
    # Large pages for large tensors, where Linux gives them when asked: a step asks for its memory anew, and the first
    # touch of every small page goes through the kernel. An epoch of MoCo with 62 attributes, which keeps a gradient of
    # each, took 28 s in place of 45 (2026-11-22). Torch reads this when it is loaded; what a user has set stays.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from facetwise.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
