"""Mutate the corpus, many times: python tests/fuzz/fuzz.py --target table --cases 300000 --seed 1

Bytes are flipped, inserted, removed, repeated, spliced with another file of the corpus, and replaced by words that mean
something to the readers. A case that ends in anything but an answer or a UserError, takes longer than 5 seconds of the
processor, or makes the process larger than 1 GB is written to the corpus and ends the run with exit code 1. Without
`--cases` each target gets 1,000. With atheris installed, `--atheris` lets coverage guide the search.
"""
# ruff: noqa: S311, T201 (a script, and no secret depends on its random numbers)

import argparse
import hashlib
import importlib.util
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from targets import CORPUS, TARGETS, seeds
from words import WORDS

# Of the processor, so that a busy machine is not taken for a hang; and by the clock, for whatever waits for ever.
SECONDS, WAITING = 5.0, 120.0
MEBIBYTES = 1024
LONGEST = 4_096


class _Endless(BaseException):
    """A case took too long; whoever catches every Exception must not catch it."""


def _alarm(*_: object) -> None:
    raise _Endless


def _watch(seconds: float, waiting: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, waiting)


def mutate(generator: random.Random, corpus: list[bytes], words: list[bytes]) -> bytes:
    """One more case: a file of the corpus, changed in one to six places."""
    data = bytearray(generator.choice(corpus))
    for _ in range(generator.choice((1, 1, 1, 2, 2, 3, 6))):
        at = generator.randrange(len(data) + 1)
        kind = generator.randrange(8)
        end = min(len(data), at + generator.choice((1, 1, 2, 4, 16, 64)))
        if kind == 0 and at < len(data):
            data[at] ^= 1 << generator.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = generator.randrange(256)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * generator.choice((1, 2, 8))
        elif kind == 4:
            other = generator.choice(corpus)
            start = generator.randrange(len(other) + 1)
            data[at:end] = other[start : start + generator.choice((4, 16, 64, 256))]
        elif kind == 5:
            data[at:end] = generator.choice(words)
        else:
            data[at:at] = generator.choice(words)
    return bytes(data[:LONGEST])


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _keep(target: str, data: bytes) -> Path:
    path = CORPUS / target / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def run(target: str, cases: int, seed: int, *, keep: bool = True) -> list[str]:
    """Run cases; what went wrong, one line each with the kept file."""
    generator, corpus, check = random.Random(seed), seeds(target), TARGETS[target]
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    wrong: dict[str, str] = {}
    began, slowest, before = time.perf_counter(), 0.0, _peak_mib()
    for case in range(cases):
        data = mutate(generator, corpus, WORDS[target])
        _watch(SECONDS, WAITING)
        start = time.process_time()
        try:
            check(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # that nothing else comes out is what is tested
            _watch(0, 0)
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            if where not in wrong:
                path = _keep(target, data) if keep else None
                wrong[where] = f"{where}: {str(error)[:200]!r} {path}"
                print(f"{target}: {wrong[where]}", flush=True)
        finally:
            _watch(0, 0)
        slowest = max(slowest, time.process_time() - start)
        if case % 50_000 == 49_999:
            print(f"{target}: {case + 1:,} cases, {_peak_mib():.0f} MiB", flush=True)
    seconds = time.perf_counter() - began
    rate = cases / max(seconds, 1e-9)
    print(
        f"{target}: {cases:,} cases in {seconds:.0f} s ({rate:.0f}/s), the slowest {slowest:.2f} s, "
        f"peak {_peak_mib():.0f} MiB, {len(wrong)} kinds of failure",
        flush=True,
    )
    if _peak_mib() - before > MEBIBYTES:
        wrong["memory"] = f"the process grew from {before:.0f} to {_peak_mib():.0f} MiB"
    return list(wrong.values())


def _with_atheris(check: Callable[[bytes], None], cases: int, folder: Path) -> None:
    import atheris  # ty: ignore[unresolved-import]

    atheris.Setup([sys.argv[0], str(folder), f"-runs={cases}", f"-max_len={LONGEST}"], check)
    atheris.Fuzz()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="let coverage guide the search (one target)")
    options = parser.parse_args()
    if options.atheris:
        if importlib.util.find_spec("atheris") is None or options.target == "all":
            parser.error("--atheris needs the package atheris and one --target")
        _with_atheris(TARGETS[options.target], options.cases, CORPUS / options.target)
        return 0
    names = list(TARGETS) if options.target == "all" else [options.target]
    return int(bool([wrong for name in names for wrong in run(name, options.cases, options.seed)]))


if __name__ == "__main__":
    sys.exit(main())
