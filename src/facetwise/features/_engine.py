"""What runs a backbone: the one protocol that extraction knows."""

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

__all__ = ["Engine", "available_cores"]

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@runtime_checkable
class Engine(Protocol):
    """Pixels to descriptors.

    A row must depend on its own pixels only, bit for bit: not on its neighbours, nor on their number. Several threads
    may call it at once; an engine that cannot do two things at a time lets them wait.

    `name` and `version` are part of the cache key, since float32 on a CPU is not bfloat16 on a GPU.
    """

    @property
    def name(self) -> str:
        """Where and how exactly it computes."""
        ...

    @property
    def version(self) -> str:
        """The major version of what computes."""
        ...

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 (n, rows, columns, 3) to float32 (n, width), for any n of at least 1."""
        ...


def available_cores() -> int:
    """How many cores this process may use: its affinity, and the quota of its container if it has one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
