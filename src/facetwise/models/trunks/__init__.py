"""Trunks: features to a representation. One island per file; this table is the only list of them."""

from facetwise.models.trunks._factorised import FactorisedTrunk
from facetwise.models.trunks._linear import LinearTrunk
from facetwise.models.trunks._mmoe import MmoeTrunk
from facetwise.models.trunks._multihead import MultiheadTrunk
from facetwise.models.trunks._ple import PleTrunk
from facetwise.models.trunks._query import QueryTrunk
from facetwise.models.trunks._shared import SharedTrunk
from facetwise.models.trunks._trunk import CategoryTrunk, Trunk

TRUNKS: dict[str, type[Trunk]] = {
    "shared": SharedTrunk,
    "linear": LinearTrunk,
    "multihead": MultiheadTrunk,
    "mmoe": MmoeTrunk,
    "ple": PleTrunk,
    "query": QueryTrunk,
    "factorised": FactorisedTrunk,
}

__all__ = [
    "TRUNKS",
    "CategoryTrunk",
    "FactorisedTrunk",
    "LinearTrunk",
    "MmoeTrunk",
    "MultiheadTrunk",
    "PleTrunk",
    "QueryTrunk",
    "SharedTrunk",
    "Trunk",
]
