"""Several processes that train one model: who they are, what they exchange, and who of them is gone."""

from facetwise.training.together._peers import Notes, Peers
from facetwise.training.together._world import ALONE, World, joined, rank_told

__all__ = ["ALONE", "Notes", "Peers", "World", "joined", "rank_told"]
