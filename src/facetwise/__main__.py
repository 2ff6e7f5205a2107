"""The front door: `facetwise ...` and `python -m facetwise ...`."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 2 the user can mend it, 1 a defect of ours; 143 and
    130: stopped by SIGTERM or Ctrl-C, and the same command continues."""
    from facetwise.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
