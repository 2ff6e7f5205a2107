"""Who does shards: keeps a backbone, its engine and the list of known rows from one to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.errors import UnavailableError
from facetwise.features._extract import OpenFeatures, extract, open_features
from facetwise.features._shards import ShardDone, ShardTask, read_marker, write_marker
from facetwise.models.backbones import Backbone, TunedBackbone, create_backbone, network_of

__all__ = ["ShardWorker", "TunedWeights", "WorkerPlan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedWeights:
    """Weights that a run has changed.

    Args:
        file: Where they are, as safetensors.
        sha256: Their digest, which is part of the key of every row.
        licence: Of the weights that they began as.
    """

    file: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """What every worker needs to know, in words that travel.

    Args:
        backbone, options: A line of the table of backbones, and its options.
        cache: Folder of all features; of workers on several machines one that all of them see.
        device: auto, cpu, cuda, ...
        threads: Per worker; 0 chooses.
        tuned: Other weights in its network; its own if not given.
    """

    backbone: str
    options: Mapping[str, Any] = field(default_factory=dict)
    cache: str
    device: str = "auto"
    threads: int = 0
    tuned: TunedWeights | None = None


class ShardWorker:
    """Does one shard after the other.

    Args:
        plan: What to do them with.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        self.plan = plan

    # Neither before it is needed: a worker that sees no weights and no cache is still there to say so.
    @cached_property
    def backbone(self) -> Backbone:
        """What describes pictures."""
        return _backbone_of(self.plan)

    @cached_property
    def opened(self) -> OpenFeatures:
        """The rows that are known, and the engine."""
        return open_features(self.backbone, cache=Path(self.plan.cache), device=self.plan.device)

    def sees(self, paths: Sequence[str]) -> list[str]:
        """Those that are not there, as seen from this worker's machine."""
        return [path for path in paths if not Path(path).exists()]

    def run(self, task: ShardTask) -> ShardDone:
        """Describe its pictures, then leave its marker; nothing, where the marker is there."""
        store, digest = self.opened.store, task.digest()
        store.refresh()
        if (known := read_marker(store, task, digest)) is not None:
            return known
        paths = [Path(path) for path in task.paths]
        found = extract(
            paths,
            backbone=self.backbone,
            cache=Path(self.plan.cache),
            boxes=None if task.boxes is None else np.array(task.boxes, dtype=np.int64).reshape(-1, 4),
            device=self.plan.device,
            workers=self.plan.threads,
            opened=self.opened,
            in_memory=False,
        )
        problems = {task.first + place: (one.reason, one.message) for place, one in found.problems.items()}
        done = ShardDone(
            shard=task.shard, images=len(paths), computed=found.computed, problems=problems, first=task.first,
            digests=tuple(found.digests), keys=tuple(found.keys),
        )  # fmt: skip
        write_marker(store, done, digest)
        return done


def _backbone_of(plan: WorkerPlan) -> Backbone:
    """The backbone of a plan.

    Raises:
        UnavailableError: The file of its weights is not seen from here, or is none.
    """
    if plan.tuned is None:
        return create_backbone(plan.backbone, **plan.options)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(plan.tuned.file)
    except (OSError, SafetensorError) as error:
        raise UnavailableError(
            f"every worker sees the run's fine-tuned weights. Found none in {plan.tuned.file}: {error}. "
            "Fix: a run folder that all of them share"
        ) from error
    origin = network_of(plan.backbone, **plan.options)
    return TunedBackbone(origin=origin, tensors=tensors, digest=plan.tuned.sha256, licence=plan.tuned.licence)
