"""Extraction in shards, by whoever does them, in the place of `extract`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.features._budget import check_budget, measure_machine
from facetwise.features._cluster import check_engine
from facetwise.features._engine import available_cores
from facetwise.features._extract import open_features
from facetwise.features._extraction import Extraction, ImageProblem
from facetwise.features._pool import run_in_processes
from facetwise.features._ray import run_in_ray
from facetwise.features._shards import ShardDone, cut_into_tasks
from facetwise.features._worker import ShardWorker, TunedWeights, WorkerPlan
from facetwise.models.backbones import Backbone

__all__ = ["Sharded"]


@dataclass(kw_only=True)
class Sharded:
    """Called as `extract`; the rows are the same, byte for byte and by key, whoever computes them.

    Args:
        backbone, options: A line of the table of backbones, and its options: workers build it themselves.
        one_task: Whether the pictures are one task, done here: the part of somebody's who has many.
        processes: How many at once, on this machine or on the cluster; 0 chooses.
        engine: `local` or `ray`.
        address: Of a Ray cluster; None starts one for this extraction.
        tuned: Weights that a run has changed, in the place of the backbone's own.
        in_memory: Whether somebody is going to hold all rows in memory; as of `extract`.
        done: In the end, what became of each shard.

    Raises:
        UserError: An address that may not be used; see `check_engine`.
    """

    backbone: str
    options: Mapping[str, Any] = field(default_factory=dict)
    one_task: bool = False
    processes: int = 0
    engine: str = "local"
    address: str | None = None
    tuned: TunedWeights | None = None
    in_memory: bool = True
    done: list[ShardDone] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_engine(self.engine, self.address)

    def __call__(
        self,
        paths: Sequence[Path],
        *,
        backbone: Backbone,
        cache: Path,
        boxes: np.ndarray | None = None,
        device: str = "auto",
        workers: int = 0,
        progress: Callable[[int, int], None],
        warn: Callable[[str], None],
    ) -> Extraction:
        """The rows of a list of pictures; arguments as of `extract`."""
        several = not self.one_task and (self.engine == "ray" or self.processes > 1)
        threads = workers
        if several and self.engine == "local" and not threads:  # of a cluster's machines, `run_in_ray` knows
            threads = max(1, available_cores() // self.processes)
        plan = WorkerPlan(
            backbone=self.backbone, options=dict(self.options), cache=str(cache.resolve()), device=device,
            threads=threads, tuned=self.tuned,
        )  # fmt: skip
        tasks = cut_into_tasks([path.absolute() for path in paths], boxes, shards=int(self.one_task))
        total, seen = len(paths), 0
        opened = open_features(backbone, cache=cache, device=device)
        budget = check_budget(
            total, backbone.width, machine=measure_machine(cache), cached=len(opened.store), in_memory=self.in_memory
        )
        for warning in budget:
            warn(warning)

        def told(one: ShardDone) -> None:
            nonlocal seen
            seen += one.images
            progress(seen, total)

        if self.engine == "ray" and several:
            self.done = run_in_ray(tasks, plan, address=self.address, actors=self.processes, told=told, warn=warn)
        elif several:
            self.done = run_in_processes(tasks, plan, processes=self.processes, told=told, warn=warn)
        else:
            worker = ShardWorker(plan)
            for task in tasks:
                self.done.append(worker.run(task))
                told(self.done[-1])
        opened.store.refresh()
        digests: list[str | None] = [None] * len(paths)
        keys: list[str | None] = [None] * len(paths)
        problems: dict[int, ImageProblem] = {}
        for one in self.done:
            digests[one.first : one.first + one.images] = one.digests
            keys[one.first : one.first + one.images] = one.keys
            problems |= {place: ImageProblem(*problem) for place, problem in one.problems.items()}
        return Extraction(
            digests=digests, keys=keys, problems=dict(sorted(problems.items())), store=opened.store,
            levels=backbone.levels, computed=sum(one.computed for one in self.done),
        )  # fmt: skip
