"""The most memory that a piece of work takes."""

import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

__all__ = ["PeakMemory"]

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
# What Linux wants written into it to begin the peak anew (man 5 proc).
_PEAK = "5"


class PeakMemory:
    """Measures while it is entered: tensors on an accelerator, or what the process holds on a CPU.

    On Linux the peak of the process begins anew each time; elsewhere it is that since the process began, which a
    smaller piece of work after a larger one does not show.

    Args:
        device: Where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.megabytes = 0.0

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with suppress(OSError):  # no Linux, or not allowed
                _RESET.write_text(_PEAK, encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated(self._device) / 2**20
        else:
            self.megabytes = _peak_of_process()


def _peak_of_process() -> float:
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024  # bytes on macOS, kilobytes elsewhere
