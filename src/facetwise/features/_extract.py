"""Pictures to features, each content once and never again."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from facetwise.errors import UserError
from facetwise.features._cache import FeatureStore
from facetwise.features._engine import Engine, available_cores
from facetwise.features._extraction import Extraction, ImageProblem
from facetwise.features._pipeline import Described, Failed, Recipe, describe
from facetwise.features._plan import feature_key, plan_engine
from facetwise.models.backbones import Backbone

__all__ = ["extract"]

# Rows per shard. Of lite0 17 MB, of which writing needs three copies in memory, and some 10 s of work on two cores,
# which is the most that a killed run loses.
_SHARD_ROWS = 1024


def extract(
    paths: Sequence[Path],
    *,
    backbone: Backbone,
    cache: Path,
    device: str = "auto",
    workers: int = 0,
    batch_size: int = 0,
    draft: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Extraction:
    """Describe pictures with a backbone, reading from the cache what is there and adding what is not.

    A row depends on the picture's bytes only: not on the other pictures, the batch size or the number of workers.

    Args:
        paths: of the pictures; the same content under two names is computed once.
        backbone: what describes them.
        cache: the folder of all features and graphs.
        device: `cpu`, `auto` (a GPU where there is one), or what torch calls a device.
        workers: threads; 0 means one per available core.
        batch_size: pictures per call of the engine; 0 means what the engine is fastest with.
        draft: let the JPEG decoder reduce large pictures: faster, and other features (under another key).
        progress: called with (pictures done, pictures in all) in the thread that called `extract`.

    Raises:
        CacheError: the cache cannot be written or is damaged.
        UnavailableError: the backbone or the device is not on this machine.
        UserError: a number that should be positive is not.
    """
    for option, value in (("workers", workers), ("batch_size", batch_size)):
        if value < 0:
            raise UserError(f"`{option}` should be at least 1, or 0 for automatic. Found {option} = {value}")
    plan = plan_engine(backbone, cache=cache, device=device)
    store = FeatureStore(cache, key=feature_key(backbone, plan, draft=draft), width=backbone.width)
    recipe = Recipe(
        known=store.__contains__,
        preprocessing=backbone.preprocessing,
        engine=_Once(plan.build),
        batch_size=batch_size or plan.batch_size,
        draft=draft,
    )
    digests: list[str | None] = [None] * len(paths)
    problems: dict[int, ImageProblem] = {}
    undecodable: dict[str, ImageProblem] = {}
    fresh = _Shard(store)
    done = 0
    threads = min(workers or available_cores(), max(1, len(paths)))
    try:
        with closing(describe(paths, recipe, workers=threads)) as events:
            for event in events:
                if isinstance(event, Described):
                    for position, digest in zip(event.positions, event.digests, strict=True):
                        digests[position] = digest
                    fresh.add(event.digests, event.rows)
                    done += len(event.positions)
                elif isinstance(event, Failed):
                    problems[event.position] = ImageProblem(event.reason, event.message)
                    if event.digest is not None:
                        undecodable[event.digest] = problems[event.position]
                    done += 1
                else:
                    digests[event.position] = event.digest
                    done += 1
                if progress is not None:
                    progress(done, len(paths))
    finally:
        # Also when the user interrupts: what is computed is kept.
        fresh.flush()
    for position, digest in enumerate(digests):
        if digest in undecodable:
            # The same bytes under a second name; only the first was tried.
            digests[position] = None
            problems[position] = undecodable[digest]
    return Extraction(digests, dict(sorted(problems.items())), store, backbone.levels, fresh.written)


class _Once:
    """Builds the engine when the first picture needs it; the other threads wait for it meanwhile."""

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._build()
            return self._engine


class _Shard:
    """Rows on their way to the disk, so many at a time."""

    def __init__(self, store: FeatureStore) -> None:
        self.written = 0
        self._store = store
        self._digests: list[str] = []
        self._rows: list[np.ndarray] = []

    def add(self, digests: list[str], rows: np.ndarray) -> None:
        self._digests += digests
        self._rows.append(rows)
        if len(self._digests) >= _SHARD_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._digests:
            digests, rows = self._digests, np.concatenate(self._rows)
            self._digests, self._rows = [], []
            self._store.write(digests, rows)
            self.written += len(digests)
