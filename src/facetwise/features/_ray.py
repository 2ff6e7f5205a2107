"""Shards by Ray: one actor per device keeps the backbone; paths travel, pictures are decoded where the actor is."""

from collections.abc import Callable, Sequence
from pathlib import Path

from facetwise.features._cluster import joined_cluster
from facetwise.features._crew import Crew
from facetwise.features._shards import ShardDone, ShardTask
from facetwise.features._worker import ShardWorker, WorkerPlan

__all__ = ["run_in_ray"]


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
        plan: What to do them with.
        address: Of the cluster; None starts one in this machine, for itself.
        actors: How many; 0 is one per GPU of the cluster, or per core where it has none.
        told: Called with every shard that is done.
        warn: Told when an actor dies.

    Raises:
        UnavailableError: Ray is not installed.
        UserError: The cluster cannot be used, or does not see the cache; a shard over which three actors died.
    """
    done = {}
    with joined_cluster(address) as cluster:
        cards = cluster.has_cards(plan.device)
        with Crew(
            cluster, ShardWorker, plan, places=actors or cluster.places(cards=cards), cards=cards,
            written=[Path(plan.cache)], called=_named, fix="--cache with a folder that is shared", warn=warn,
        ) as crew:  # fmt: skip
            for task, one in crew.run(tasks):
                done[task.shard] = one
                told(one)
    return [done[task.shard] for task in tasks]


def _named(task: ShardTask) -> str:
    return f"shard {task.shard}, pictures {task.first + 1:,} to {task.first + len(task.paths):,},"
