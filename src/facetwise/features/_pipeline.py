"""Threads that take pictures from path to descriptor.

Every thread does everything: read, hash, decode, fit, and, when its picture completes a batch, run the engine. So
every core has work while there is any, nothing waits in a queue for a slower stage, and no more than one batch per
thread is ever in memory. Pillow, hashing and the engines all let go of Python's lock.
"""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetwise.errors import ImageError
from facetwise.features._engine import Engine
from facetwise.images import Box, Look, decode, digest, fit, look, part_digest, quiet_decoder, read_bytes, short_side
from facetwise.models.backbones import Preprocessing

__all__ = ["Described", "Event", "Failed", "Known", "Place", "Recipe", "Wanted", "describe"]

# Pictures without work that are told of together: to wake whoever listens takes longer than to read a small file.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture, or the part of it in a box."""

    path: Path
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the list a picture stands, the SHA-256 of its bytes, and the key of its row (see `part_digest`)."""

    position: int
    digest: str
    key: str


@dataclass(frozen=True, slots=True)
class Known:
    """Pictures that need no work: their rows are in the cache, or others of the list have the same."""

    places: list[Place]


@dataclass(frozen=True, slots=True)
class Failed:
    """The picture at `position` cannot be read; without a key, if not even its bytes could."""

    position: int
    key: str | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Described:
    """A batch of new pictures: where they stand, what they look like, and rows (n, width)."""

    places: list[Place]
    looks: list[Look]
    rows: np.ndarray


Event = Known | Failed | Described
_Portrait = tuple[Place, Look, np.ndarray]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done with each picture.

    Args:
        known: whether a key has a row. Called from every thread.
        preprocessing: size and shape of the pixels.
        engine: gives the engine, the same one to every thread.
        batch_size: how many pictures the engine gets at once.
        draft: reduced JPEG decoding, see `facetwise.images.decode`.
    """

    known: Callable[[str], bool]
    preprocessing: Preprocessing
    engine: Callable[[], Engine]
    batch_size: int
    draft: bool = False


def describe(wanted: Sequence[Wanted], recipe: Recipe, *, workers: int) -> Generator[Event]:
    """An event for every picture that cannot be read, for every batch, and for pictures without work, in any order.

    What a thread raises is raised here, after all events of finished work.
    """
    work = _Work(wanted, recipe, workers=workers)
    with quiet_decoder(), ThreadPoolExecutor(workers, thread_name_prefix="facetwise-describe") as pool:
        threads = [pool.submit(work.run) for _ in range(workers)]
        try:
            left = workers
            while left:
                event = work.events.get()
                if event is None:
                    left -= 1
                else:
                    yield event
                    work.room.release()
        finally:
            work.stopped.set()
    for thread in threads:
        thread.result()


class _Work:
    """What the threads share, behind one lock, and what each of them runs."""

    def __init__(self, wanted: Sequence[Wanted], recipe: Recipe, *, workers: int) -> None:
        self.stopped = threading.Event()
        # None: a thread has come to its end.
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        # So that a slow disk under the cache slows the threads down instead of filling the memory.
        self.room = threading.Semaphore(4 * workers)
        self._wanted = wanted
        self._recipe = recipe
        self._size, self._mode = recipe.preprocessing.size, recipe.preprocessing.fit
        self._draft = short_side(self._size, self._mode) if recipe.draft else None
        self._lock = threading.Lock()
        self._next = 0
        self._active = workers
        self._claimed: set[str] = set()
        self._pending: list[_Portrait] = []

    def run(self) -> None:
        """One thread."""
        whole, known = False, list[Place]()
        try:
            while (position := self._take()) is not None:
                if (place := self._prepare(position)) is not None:
                    known.append(place)
                if len(known) == _TOGETHER:
                    self._tell(Known(known))
                    known = []
            if known:
                self._tell(Known(known))
            self._describe(self._leave())
            whole = True
        finally:
            if not whole:
                self.stopped.set()
            self.events.put(None)

    def _prepare(self, position: int) -> Place | None:
        """The place of a picture that needs no work; of any other, the work."""
        wanted, key = self._wanted[position], None
        try:
            data = read_bytes(wanted.path)
            content = digest(data)
            key = part_digest(content, wanted.box)
            place = Place(position, content, key)
            if self._recipe.known(key) or not self._claim(key):
                return place
            picture = decode(data, draft=self._draft, box=wanted.box)
        except ImageError as problem:
            self._tell(Failed(position, key, problem.reason, str(problem)))
            return None
        pixels = fit(picture, size=self._size, mode=self._mode)
        self._describe(self._add((place, look(picture), pixels)))
        return None

    def _describe(self, batch: list[_Portrait]) -> None:
        if batch:
            places, looks, pixels = zip(*batch, strict=True)
            self._tell(Described(list(places), list(looks), self._recipe.engine()(np.stack(pixels))))

    def _take(self) -> int | None:
        with self._lock:
            if self.stopped.is_set() or self._next >= len(self._wanted):
                return None
            self._next += 1
            return self._next - 1

    def _claim(self, key: str) -> bool:
        """Whether this thread is the first with this key, and so the one that describes it."""
        with self._lock:
            first = key not in self._claimed
            self._claimed.add(key)
            return first

    def _add(self, portrait: _Portrait) -> list[_Portrait]:
        """Put a portrait to the others; whoever completes a batch gets it, everybody else nothing."""
        with self._lock:
            self._pending.append(portrait)
            if len(self._pending) < self._recipe.batch_size:
                return []
            batch, self._pending = self._pending, []
            return batch

    def _leave(self) -> list[_Portrait]:
        """The last thread to come to its end gets the incomplete batch."""
        with self._lock:
            self._active -= 1
            if self._active or self.stopped.is_set():
                return []
            batch, self._pending = self._pending, []
            return batch

    def _tell(self, event: Event) -> None:
        """Wait for room, but not when nobody listens any more."""
        while not self.room.acquire(timeout=0.2):
            if self.stopped.is_set():
                return
        self.events.put(event)
