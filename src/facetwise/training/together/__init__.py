"""Several processes that train one model: who they are, what they exchange, and who of them is gone."""

from facetwise.training.together._peers import Notes, Peers
from facetwise.training.together._shards import clip_gradients, is_sharded, own_part, rows_of_ranks, shard
from facetwise.training.together._world import ALONE, World, joined, rank_told

__all__ = [
    "ALONE",
    "Notes",
    "Peers",
    "World",
    "clip_gradients",
    "is_sharded",
    "joined",
    "own_part",
    "rank_told",
    "rows_of_ranks",
    "shard",
]
