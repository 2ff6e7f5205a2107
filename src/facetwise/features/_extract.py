"""Pictures to features, each content once and never again."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetwise.errors import UserError
from facetwise.features._budget import check_budget, measure_machine
from facetwise.features._cache import FeatureStore
from facetwise.features._engine import Engine, available_cores
from facetwise.features._extraction import Extraction, ImageProblem
from facetwise.features._pipeline import Described, Failed, Place, Recipe, Wanted, describe
from facetwise.features._plan import feature_key, plan_engine
from facetwise.images import Look, to_box
from facetwise.models.backbones import Backbone

__all__ = ["OpenFeatures", "extract", "open_features"]

# Rows per shard. Of lite0 17 MB, of which writing needs three copies in memory, and some 10 s of work on two cores,
# which is the most that a killed run loses.
_SHARD_ROWS = 1024


def extract(
    paths: Sequence[Path],
    *,
    backbone: Backbone,
    cache: Path,
    boxes: np.ndarray | None = None,
    device: str = "auto",
    workers: int = 0,
    batch_size: int = 0,
    draft: bool = False,
    progress: Callable[[int, int], None] | None = None,
    warn: Callable[[str], None] | None = None,
    opened: "OpenFeatures | None" = None,
    in_memory: bool = True,
) -> Extraction:
    """Describe pictures with a backbone, reading from the cache what is there and adding what is not.

    A row depends on the picture's bytes and box only: not on the other pictures, the batch size or the number of
    workers.

    Args:
        paths: of the pictures; the same content under two names is computed once.
        backbone: what describes them.
        cache: the folder of all features and graphs.
        boxes: (picture, 4) integers x0, y0, x1, y1 in pixels of the upright picture: only this part is described; -1
            four times for the whole picture.
        device: `cpu`, `auto` (a GPU where there is one), or what torch calls a device.
        workers: threads; 0 means one per available core.
        batch_size: pictures per call of the engine; 0 means what the engine is fastest with.
        draft: let the JPEG decoder reduce large pictures: faster, and other features (under another key).
        progress: called with (pictures done, pictures in all) in the thread that called `extract`.
        opened: what `open_features` gave for the same backbone, cache and device, by whoever extracts many times.
        in_memory: whether the rows are going to be held in memory, which `check_budget` then looks at too.
        warn: told, before the first picture is opened, what `check_budget` has to say about memory and disk.

    Raises:
        CacheError: the cache cannot be written or is damaged.
        UnavailableError: the backbone or the device is not on this machine.
        UserError: a number that should be positive is not, or the rows do not fit into memory.
    """
    if boxes is not None and boxes.shape != (len(paths), 4):
        raise UserError(f"`boxes` should be one row of 4 numbers per picture ({len(paths)}). Found {boxes.shape}")
    for option, value in (("workers", workers), ("batch_size", batch_size)):
        if value < 0:
            raise UserError(f"`{option}` should be at least 1, or 0 for automatic. Found {option} = {value}")
    opened = opened or open_features(backbone, cache=cache, device=device, draft=draft)
    store = opened.store
    machine = measure_machine(cache)
    for warning in check_budget(len(paths), backbone.width, machine=machine, cached=len(store), in_memory=in_memory):
        if warn is not None:
            warn(warning)
    threads = min(workers or available_cores(), max(1, len(paths)))
    recipe = Recipe(
        known=store.__contains__,
        preprocessing=backbone.preprocessing,
        engine=opened.engine,
        batch_size=batch_size or opened.batch_of(len(paths), threads),
        draft=draft,
    )
    wanted = [Wanted(path) for path in paths]
    if boxes is not None:
        wanted = [Wanted(path, to_box(corners)) for path, corners in zip(paths, boxes, strict=True)]
    digests: list[str | None] = [None] * len(paths)
    keys: list[str | None] = [None] * len(paths)
    problems: dict[int, ImageProblem] = {}
    undecodable: dict[str, ImageProblem] = {}
    fresh = _Shard(store)
    done = 0
    try:
        with closing(describe(wanted, recipe, workers=threads)) as events:
            for event in events:
                if isinstance(event, Failed):
                    problems[event.position] = ImageProblem(event.reason, event.message)
                    if event.key is not None:
                        undecodable[event.key] = problems[event.position]
                    done += 1
                else:
                    for place in event.places:
                        digests[place.position], keys[place.position] = place.digest, place.key
                    if isinstance(event, Described):
                        fresh.add(event)
                    done += len(event.places)
                if progress is not None:
                    progress(done, len(paths))
    finally:
        # Also when the user interrupts: what is computed is kept.
        fresh.flush()
    for position, key in enumerate(keys):
        if key in undecodable:
            # The same bytes under a second name; only the first was tried.
            digests[position] = keys[position] = None
            problems[position] = undecodable[key]
    return Extraction(
        digests=digests,
        keys=keys,
        problems=dict(sorted(problems.items())),
        store=store,
        levels=backbone.levels,
        computed=fresh.written,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFeatures:
    """What stays the same from one extraction to the next: the rows that are known, and the engine once it is built."""

    key: Mapping[str, object]
    store: FeatureStore
    engine: Callable[[], Engine]
    batch_size: int
    alone: bool

    def batch_of(self, pictures: int, threads: int) -> int:
        """How many pictures the engine gets at once: no more than a thread's share, where nothing is lost by that."""
        return max(1, min(self.batch_size, pictures // threads)) if self.alone else self.batch_size


def open_features(backbone: Backbone, *, cache: Path, device: str = "auto", draft: bool = False) -> OpenFeatures:
    """The cache of one kind of features, and the engine that adds to it; arguments as of `extract`."""
    plan = plan_engine(backbone, cache=cache, device=device)
    key = feature_key(backbone, plan, draft=draft)
    store = FeatureStore(cache, key=key, width=backbone.width)
    return OpenFeatures(key=key, store=store, engine=_Once(plan.build), batch_size=plan.batch_size,
                        alone=plan.alone)  # fmt: skip


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
        self._places: list[Place] = []
        self._looks: list[Look] = []
        self._rows: list[np.ndarray] = []

    def add(self, batch: Described) -> None:
        self._places += batch.places
        self._looks += batch.looks
        self._rows.append(batch.rows)
        if len(self._places) >= _SHARD_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._places:
            keys, looks, rows = [place.key for place in self._places], self._looks, np.concatenate(self._rows)
            self._places, self._looks, self._rows = [], [], []
            self._store.write(keys, rows, looks)
            self.written += len(keys)
