"""What the server counts, as Prometheus reads it."""

import os
import threading
from collections import Counter
from pathlib import Path

__all__ = ["Metrics"]

# Seconds: from a picture on an idle machine to the deadline.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HELP = {
    "facetwise_requests_total": "counter Requests by route and status.",
    "facetwise_pictures_total": "counter Pictures by outcome: answered, or the reason why not.",
    "facetwise_batches_total": "counter Batches that went through the model.",
    "facetwise_batched_pictures_total": "counter Pictures in them.",
    "facetwise_explained_total": "counter Pictures whose answers somebody wanted explained, begun.",
    "facetwise_reloads_total": "counter Reloads by outcome.",
    "facetwise_cancelled_total": "counter Requests whose client went away.",
    "facetwise_request_seconds": "histogram From the last header to the last byte of the answer.",
    "facetwise_wait_seconds": "histogram The longest wait of every batch.",
}


class Metrics:
    """Counters and histograms. Labels are words of ours: no name of a file, a class or an attribute."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        told = ",".join(f'{key}="{value}"' for key, value in labels.items())
        with self._lock:
            self._counts[name, told] += amount

    def measure(self, name: str, seconds: float) -> None:
        """Add to a histogram."""
        with self._lock:
            self._sums[name] = self._sums.get(name, 0.0) + seconds
            for edge in (*BUCKETS, float("inf")):
                if seconds <= edge:
                    self._buckets[name, edge] += 1

    def value(self, name: str, **labels: str) -> int:
        """What a counter says."""
        return self._counts[name, ",".join(f'{key}="{value}"' for key, value in labels.items())]

    def batch(self, size: int, waited: float) -> None:
        """A batch begins."""
        self.count("facetwise_batches_total")
        self.count("facetwise_batched_pictures_total", size)
        self.measure("facetwise_wait_seconds", waited)

    def explained(self, size: int, waited: float) -> None:
        """An explanation begins."""
        self.count("facetwise_explained_total", size)
        self.measure("facetwise_wait_seconds", waited)

    def text(self, gauges: dict[str, float]) -> str:
        """The page.

        Args:
            gauges: What is true now, by name.
        """
        lines: list[str] = []
        with self._lock:
            for name, told in _HELP.items():
                kind, words = told.split(" ", 1)
                lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
                if kind == "histogram":
                    edges = [(f"{edge:g}", self._buckets[name, edge]) for edge in BUCKETS]
                    total = self._buckets[name, float("inf")]
                    lines += [f'{name}_bucket{{le="{edge}"}} {count}' for edge, count in (*edges, ("+Inf", total))]
                    lines += [f"{name}_sum {self._sums.get(name, 0.0):.6f}", f"{name}_count {total}"]
                    continue
                found = sorted((labels, count) for (own, labels), count in self._counts.items() if own == name)
                lines += [f"{name}{{{labels}}} {count}" if labels else f"{name} {count}" for labels, count in found]
        for name, value in {**gauges, **_process()}.items():
            lines += [f"# TYPE {name.partition('{')[0]} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _process() -> dict[str, float]:
    """Memory, threads and open files, where the system tells them as files."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
    except OSError:
        return {}
    return {
        "process_resident_memory_bytes": float(pages * os.sysconf("SC_PAGE_SIZE")),
        "process_open_fds": float(files),
        "process_threads": float(threading.active_count()),
    }
