"""A long list of pictures cut into shards, each an idempotent task with a marker when it is done.

Alone, in a pool of processes, in an array of a cluster's scheduler, in Ray: it is always the same task, and whoever
does it again finds it done. Rows lie in the cache under the content of their picture, so that nothing is there twice.
"""

import hashlib
import json
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.errors import UserError
from facetwise.features._cache import FeatureStore
from facetwise.features._commit import committed
from facetwise.features._crew import ATTEMPTS

__all__ = ["Ledger", "Shard", "ShardDone", "ShardTask", "cut_into_tasks", "read_marker", "write_marker"]

# What a worker loses when it dies, and what a marker is about: with lite0 some 10 s of work on two cores.
PICTURES_PER_SHARD = 1024
# Reasons of a moment (rights, a disk, a network): a picture with one of them is tried again. Of what its bytes are
# found to be nothing changes while the name, size and time of the file stay.
PASSING = frozenset({"missing", "permission", "unreadable"})


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One of so many consecutive parts, counted from 1.

    >>> [Shard.parse(text).slice(10) for text in ("1/3", "2/3", "3/3")]
    [slice(0, 4, None), slice(4, 7, None), slice(7, 10, None)]
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """`3/16`: the third of sixteen.

        Raises:
            UserError: Something else.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(
                f"a shard is i/n, from 1/n to n/n. Found {text!r}. "
                "Fix: --shard 1/16, or in an array job --shard $SLURM_ARRAY_TASK_ID/16 with tasks 1 to 16"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def slice(self, items: int) -> slice:
        """Its items; parts differ by one item at most."""
        each, more = divmod(items, self.of)
        start = (self.number - 1) * each + min(self.number - 1, more)
        return slice(start, start + each + (self.number <= more))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """What a worker is told: paths, never pixels.

    Args:
        shard: Which one.
        first: Place of its first picture in the whole list.
        paths: Of its pictures.
        boxes: Per picture x0, y0, x1, y1; None where all are whole.
    """

    shard: Shard
    first: int
    paths: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...] | None = None

    def digest(self, root: str = "") -> str:
        """Of the pictures' names, sizes and times: whether it is the task that was done.

        Args:
            root: A folder that no name begins with: copies are the same wherever they are.
        """
        told = hashlib.sha256(json.dumps([asdict(self.shard), self.first, self.boxes]).encode())
        for path in self.paths:
            try:
                about = Path(path).stat()
                said = f"{about.st_size} {about.st_mtime_ns}"
            except (OSError, ValueError):
                said = ""
            told.update(f"{path.removeprefix(root)}\0{said}\n".encode("utf-8", "surrogateescape"))
        return told.hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """What became of a shard.

    Args:
        shard: Which one.
        images: Its pictures.
        computed: Rows that were added; the others were there.
        problems: Place in the whole list → reason, message.
        first: Place of its first picture in the whole list.
        digests, keys: Of its pictures and of their rows; None where there is a problem.
        before: Its marker was there: nothing was done.
    """

    shard: Shard
    images: int
    computed: int
    problems: Mapping[int, tuple[str, str]]
    first: int
    digests: tuple[str | None, ...]
    keys: tuple[str | None, ...]
    before: bool = False


def cut_into_tasks(paths: Sequence[Path], boxes: np.ndarray | None, *, shards: int = 0) -> list[ShardTask]:
    """The whole list as tasks.

    Args:
        paths: Of all pictures.
        boxes: (picture, 4) or None.
        shards: How many; 0 takes so many that each has about a thousand pictures.
    """
    count = shards or max(1, -(-len(paths) // PICTURES_PER_SHARD))
    tasks = []
    for number in range(1, count + 1):
        shard = Shard(number, count)
        part = shard.slice(len(paths))
        corners = None if boxes is None else tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in boxes[part])
        tasks.append(
            ShardTask(shard=shard, first=part.start, paths=tuple(str(path) for path in paths[part]), boxes=corners)
        )
    return tasks


def _marker(store: FeatureStore, digest: str) -> Path:
    return store.folder / "done" / f"{digest}.json"


def read_marker(store: FeatureStore, task: ShardTask, digest: str) -> ShardDone | None:
    """What the marker of a task says.

    None where there is none, where rows that it promises are gone, or where a picture could not be read for the moment:
    the task is done again, and its other rows are there.
    """
    try:
        told: dict[str, Any] = json.loads(_marker(store, digest).read_text(encoding="utf-8"))
        keys, digests = tuple(told["keys"]), tuple(told["digests"])
        whole = len(keys) == len(digests) == len(task.paths) and all(key is None or key in store for key in keys)
        problems = {int(place): (reason, message) for place, reason, message in told["problems"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not whole or any(reason in PASSING for reason, _ in problems.values()):
        return None
    return ShardDone(
        shard=task.shard, images=len(keys), computed=0, problems=problems, first=task.first, digests=digests, keys=keys,
        before=True,
    )  # fmt: skip


def write_marker(store: FeatureStore, done: ShardDone, digest: str) -> None:
    """Say that a task is done; after its rows, so that a marker never promises what is not there."""
    told = {
        "shard": str(done.shard), "images": done.images, "digests": done.digests, "keys": done.keys,
        "problems": [[place, *problem] for place, problem in sorted(done.problems.items())],
    }  # fmt: skip
    with committed(_marker(store, digest)) as part:
        part.write_text(json.dumps(told, ensure_ascii=True), encoding="utf-8")


class Ledger:
    """Which tasks are to be done, by anybody; which are; and how often one has cost a worker its life.

    Args:
        tasks: All of them.
    """

    def __init__(self, tasks: Sequence[ShardTask]) -> None:
        self.pending = deque(tasks)
        self.done: dict[Shard, ShardDone] = {}
        self.lost = 0
        self._total = len(tasks)
        self._attempts: Counter[Shard] = Counter()

    def __bool__(self) -> bool:
        return len(self.done) < self._total

    def finish(self, done: ShardDone) -> None:
        """A task is done; a second time changes nothing."""
        self.done.setdefault(done.shard, done)

    def fail(self, task: ShardTask, why: str) -> None:
        """A worker died over it: somebody else does it, next.

        Raises:
            UserError: For the third time.
        """
        self.lost += 1
        self._attempts[task.shard] += 1
        if self._attempts[task.shard] >= ATTEMPTS:
            raise UserError(
                f"a shard is done by a worker that lives. Found shard {task.shard}, pictures {task.first + 1:,} to "
                f"{task.first + len(task.paths):,}, over which {ATTEMPTS} workers died ({why}). Fix: fewer processes "
                "if memory ran out; what the other shards have computed is kept"
            )
        self.pending.appendleft(task)
