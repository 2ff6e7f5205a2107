"""Reweighting: class weights over the epochs. One island per file; this table is the only list of them."""

from facetwise.objectives.reweighting._balanced import BalancedReweighting
from facetwise.objectives.reweighting._none import NoReweighting
from facetwise.objectives.reweighting._reweighting import Reweighting
from facetwise.objectives.reweighting._sqrt import SqrtReweighting

REWEIGHTING: dict[str, type[Reweighting]] = {
    "none": NoReweighting,
    "balanced": BalancedReweighting,
    "sqrt": SqrtReweighting,
}

__all__ = ["REWEIGHTING", "BalancedReweighting", "NoReweighting", "Reweighting", "SqrtReweighting"]
