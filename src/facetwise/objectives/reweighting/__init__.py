"""Reweighting: class weights over the epochs. One island per file; this table is the only list of them."""

from facetwise.objectives.reweighting._balanced import BalancedReweighting
from facetwise.objectives.reweighting._class_balanced import ClassBalancedReweighting
from facetwise.objectives.reweighting._drw import DeferredReweighting
from facetwise.objectives.reweighting._none import NoReweighting
from facetwise.objectives.reweighting._reweighting import Reweighting
from facetwise.objectives.reweighting._sqrt import SqrtReweighting

REWEIGHTING: dict[str, type[Reweighting]] = {
    "none": NoReweighting,
    "balanced": BalancedReweighting,
    "sqrt": SqrtReweighting,
    "class_balanced": ClassBalancedReweighting,
    "drw": DeferredReweighting,
}

# Names that papers and their code use, and published variants: a line of the table with options.
REWEIGHTING_ALIASES: dict[str, tuple[str, dict[str, object]]] = {
    "None": ("none", {}),
    "cb_reweight": ("class_balanced", {"beta": 0.9999}),
    "CBReweight": ("class_balanced", {"beta": 0.9999}),
    "ib_reweight": ("drw", {"defer_until": 0.5, "beta": 1.0}),
    "IBReweight": ("drw", {"defer_until": 0.5, "beta": 1.0}),
    "DRW": ("drw", {"defer_until": 0.8, "beta": 0.9999}),
    "drw_early": ("drw", {"defer_until": 5, "beta": 0.999}),
}

__all__ = [
    "REWEIGHTING",
    "REWEIGHTING_ALIASES",
    "BalancedReweighting",
    "ClassBalancedReweighting",
    "DeferredReweighting",
    "NoReweighting",
    "Reweighting",
    "SqrtReweighting",
]
