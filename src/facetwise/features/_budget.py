"""Does the feature matrix fit into this machine? Answered before the first picture is opened."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from facetwise.errors import UserError

__all__ = ["Machine", "check_budget", "fits_memory", "in_words", "measure_machine", "needs"]

# Bytes of a float32.
_FLOAT = 4
# What training holds at its peak: the matrix, the rows of the sides, the standardised copy, and parts of them.
# Measured: 3.5, from the peak memory with 3,000 and with 43,000 rows of 2,000 features.
COPIES = 4


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What there is, in bytes; None where the system does not say.

    Args:
        memory: All memory that this process may ever have: installed, or the limit of its container.
        available: Of it what is free now.
        disk: Free room under the cache.
        processes: Of those that train together how many are on it: each holds a matrix of its own.
    """

    memory: int | None
    available: int | None
    disk: int | None
    processes: int = 1

    @property
    def sharers(self) -> str:
        """What to say where there are several processes."""
        return f" in each of {self.processes} processes" if self.processes > 1 else ""


def _number_in(path: str) -> int | None:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None


def _installed() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf, others not this name
        return None


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _processes() -> int:
    """What `torchrun` tells each of them; 1 where this one was started alone."""
    told = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, int(told)) if told.isdecimal() else 1


def measure_machine(cache: Path) -> Machine:
    """What this machine has; a container's limit counts as its memory."""
    limits = [_installed(), _number_in("/sys/fs/cgroup/memory.max")]
    memory = min((limit for limit in limits if limit is not None), default=None)
    used = _number_in("/sys/fs/cgroup/memory.current")
    within = None if used is None or limits[1] is None else limits[1] - used
    available = min((free for free in (_available(), within) if free is not None), default=None)
    folder = next((place for place in (cache, *cache.absolute().parents) if place.is_dir()), None)
    disk = None if folder is None else shutil.disk_usage(folder).free
    return Machine(memory=memory, available=available, disk=disk, processes=_processes())


def in_words(size: int) -> str:
    """Bytes for people.

    >>> in_words(148_430_000), in_words(16_768_000_000)
    ('148 MB', '16.8 GB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6)):,} MB"


def needs(pictures: int, width: int) -> str:
    """How much memory a matrix of features takes, for people, before it is made.

    >>> needs(8_852, 4_192)
    '148 MB, training up to 594 MB'
    """
    matrix = pictures * width * _FLOAT
    return f"{in_words(matrix)}, training up to {in_words(matrix * COPIES)}"


def fits_memory(rows: int, width: int, *, machine: Machine) -> bool:
    """Whether training may hold a matrix of features in memory: its copies, of every process that trains on this
    machine, fit into what the machine has.

    Of what is free now the answer does not depend: a run that is continued would else see its rows in another order.

    >>> fits_memory(10_000_000, 1_280, machine=Machine(memory=64_000_000_000, available=None, disk=None))
    False
    """
    return machine.memory is None or rows * width * _FLOAT * COPIES * machine.processes <= machine.memory


def check_budget(pictures: int, width: int, *, machine: Machine, cached: int = 0, in_memory: bool = True) -> list[str]:
    """Warnings about memory and disk, empty where all is well.

    The matrix has pictures × width × 4 bytes, once per process that trains on this machine. More than the machine has
    is certain to fail and refused; what may fail (four copies beyond the free memory; a cache beyond the free disk,
    unless most pictures are there already) is said.

    Args:
        pictures: Rows of the matrix.
        width: Its columns.
        machine: What there is.
        cached: Rows that the cache holds, of whatever pictures. Which of them are those of these pictures is known only
            when all are read; so nobody is warned for nothing, and a cache full of others may hide a short disk.
        in_memory: Whether somebody is going to hold the matrix in memory; of one that stays on disk, only the disk
            counts.

    Raises:
        UserError: The matrix alone is larger than the memory.

    >>> small = Machine(memory=8_000_000_000, available=6_000_000_000, disk=10_000_000_000)
    >>> check_budget(8_852, 4_192, machine=small)
    []
    """
    matrix = pictures * width * _FLOAT
    size = f"{pictures:,} pictures × {width:,} numbers are {in_words(matrix)}"
    if in_memory and machine.memory is not None and matrix * machine.processes > machine.memory:
        fewer = "fewer processes, " if machine.processes > 1 else ""
        raise UserError(
            f"the features fit into memory. Found {size}{machine.sharers}, and {in_words(machine.memory)} of memory. "
            f"Fix: fewer rows, {fewer}a backbone with fewer numbers, or a machine with more memory"
        )
    warnings = []
    if in_memory and machine.available is not None and matrix * COPIES * machine.processes > machine.available:
        warnings.append(
            f"memory may not suffice: {size}, training holds up to {COPIES} copies{machine.sharers}, "
            f"and {in_words(machine.available)} are free. `--levels last` needs less"
        )
    needed = max(0, pictures - cached) * width * _FLOAT
    if machine.disk is not None and needed > machine.disk:
        warnings.append(
            f"the disk of the cache may not suffice: up to {in_words(needed)} of features, "
            f"and {in_words(machine.disk)} are free. Another disk: set FACETWISE_CACHE to a folder on it"
        )
    return warnings
