"""Shards by Ray: one actor per device keeps the backbone; paths travel, pictures are decoded where the actor is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from facetwise.features._cluster import joined_cluster
from facetwise.features._crew import Crew
from facetwise.features._shards import ShardDone, ShardTask
from facetwise.features._worker import ShardWorker, WorkerPlan

__all__ = ["run_in_ray"]

# So many pictures, each of another folder, every node is asked for before it gets work.
PICTURES_ASKED_FOR = 16


def run_in_ray(
    tasks: Sequence[ShardTask],
    plan: WorkerPlan,
    *,
    address: str | None,
    actors: int,
    told: Callable[[ShardDone], None],
    warn: Callable[[str], None],
) -> list[ShardDone]:
    """Do all tasks; the results in the order of the shards. Every node sees the pictures and the cache at one path.

    Args:
        tasks: The shards.
        plan: What to do them with; without a number of threads, actors share out the cores of their machines.
        address: Of the cluster; None starts one in this machine, for itself.
        actors: How many; 0 is one per GPU of the cluster, or where it has none per core, or per `threads` cores.
        told: Called with every shard that is done.
        warn: Told when an actor dies.

    Raises:
        UnavailableError: Ray is not installed.
        UserError: The cluster cannot be used, or has a node that does not see pictures, cache, or weights; a shard over
            which three actors died.
    """
    done = {}
    with joined_cluster(address) as cluster:
        cards = cluster.has_cards(plan.device)
        places = cluster.places(cards=cards)
        actors = actors or (places if cards else max(1, places // max(1, plan.threads)))
        threads = plan.threads or cluster.cores_each(actors, cards=cards)
        with Crew(
            cluster, ShardWorker, replace(plan, threads=threads), places=actors,
            cores=min(threads, cluster.most_cores()), cards=cards, written=[Path(plan.cache)],
            read=_needed(tasks, plan), called=_named, warn=warn,
            fix="folders that all nodes share: of the pictures, the run, and the cache (--cache or FACETWISE_CACHE)",
        ) as crew:  # fmt: skip
            for task, one in crew.run(tasks):
                done[task.shard] = one
                told(one)
    return [done[task.shard] for task in tasks]


def _needed(tasks: Sequence[ShardTask], plan: WorkerPlan) -> list[Path]:
    """Fine-tuned weights, and of the first folders one picture each: of a folder, an empty one may have the name."""
    found: dict[Path, Path] = {}
    for path in (Path(path) for task in tasks for path in task.paths):
        if len(found) == PICTURES_ASKED_FOR:
            break
        if path.parent not in found and path.exists():
            found[path.parent] = path
    weights = [] if plan.tuned is None else [Path(plan.tuned.file)]
    return [*weights, *found.values()]


def _named(task: ShardTask) -> str:
    return f"shard {task.shard}, pictures {task.first + 1:,} to {task.first + len(task.paths):,},"
