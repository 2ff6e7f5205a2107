"""Balancing: losses of many attributes to one backward pass. One island per file; this table lists them."""

from facetwise.objectives.balancing._balancer import Balancer
from facetwise.objectives.balancing._equal import Equal

BALANCERS: dict[str, type[Balancer]] = {"equal": Equal}

__all__ = ["BALANCERS", "Balancer", "Equal"]
