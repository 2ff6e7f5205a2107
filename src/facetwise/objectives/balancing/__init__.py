"""Balancing: losses of many attributes to one backward pass. One island per file; this table lists them."""

from facetwise.objectives.balancing._aligned_mtl import Aligned
from facetwise.objectives.balancing._balancer import (
    Balancer,
    Decision,
    GradientBalancer,
    GramianBalancer,
    LooksAgain,
    LossBalancer,
)
from facetwise.objectives.balancing._cagrad import ConflictAverse
from facetwise.objectives.balancing._db_mtl import DualBalancing
from facetwise.objectives.balancing._dwa import DynamicWeightAverage
from facetwise.objectives.balancing._equal import Equal
from facetwise.objectives.balancing._excess_mtl import ExcessRisk
from facetwise.objectives.balancing._fairgrad import FairGradients
from facetwise.objectives.balancing._famo import FastAdaptive
from facetwise.objectives.balancing._fixed import Fixed
from facetwise.objectives.balancing._gls import GeometricLoss
from facetwise.objectives.balancing._graddrop import GradientSignDropout
from facetwise.objectives.balancing._gradnorm import GradNorm
from facetwise.objectives.balancing._gradvac import GradientVaccine
from facetwise.objectives.balancing._imtl import Impartial
from facetwise.objectives.balancing._imtl_g import ImpartialGradients
from facetwise.objectives.balancing._imtl_l import ImpartialLosses
from facetwise.objectives.balancing._mgda import MultipleGradientDescent
from facetwise.objectives.balancing._moco import TrackedGradients
from facetwise.objectives.balancing._nash_mtl import NashBargaining
from facetwise.objectives.balancing._pcgrad import GradientSurgery
from facetwise.objectives.balancing._random import RandomWeights
from facetwise.objectives.balancing._shared import PackedHead, Shared
from facetwise.objectives.balancing._stch import SmoothTchebycheff
from facetwise.objectives.balancing._uncertainty import Uncertainty
from facetwise.objectives.balancing._upgrad import UnconflictingProjection

BALANCERS: dict[str, type[Balancer]] = {
    "equal": Equal,
    "fixed": Fixed,
    "random": RandomWeights,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    "gls": GeometricLoss,
    "stch": SmoothTchebycheff,
    "famo": FastAdaptive,
    "imtl_l": ImpartialLosses,
    "gradnorm": GradNorm,
    "mgda": MultipleGradientDescent,
    "pcgrad": GradientSurgery,
    "gradvac": GradientVaccine,
    "imtl_g": ImpartialGradients,
    "imtl": Impartial,
    "cagrad": ConflictAverse,
    "nash_mtl": NashBargaining,
    "aligned_mtl": Aligned,
    "fairgrad": FairGradients,
    "upgrad": UnconflictingProjection,
    "graddrop": GradientSignDropout,
    "excess_mtl": ExcessRisk,
    "moco": TrackedGradients,
    "db_mtl": DualBalancing,
}

# Names that papers and their code use, and published variants: a line of the table with options.
BALANCER_ALIASES: dict[str, tuple[str, dict[str, object]]] = {
    "EW": ("equal", {}),
    "RLW": ("random", {}),
    "UW": ("uncertainty", {}),
    "DWA": ("dwa", {}),
    "GLS": ("gls", {}),
    "STCH": ("stch", {}),
    "FAMO": ("famo", {"every": 1}),
    "IMTL-L": ("imtl_l", {}),
    "GradNorm": ("gradnorm", {}),
    "MGDA": ("mgda", {}),
    "PCGrad": ("pcgrad", {}),
    "GradVac": ("gradvac", {}),
    "IMTL-G": ("imtl_g", {}),
    "IMTL": ("imtl", {}),
    "CAGrad": ("cagrad", {}),
    "Nash_MTL": ("nash_mtl", {}),
    "Nash-MTL": ("nash_mtl", {}),
    "NashMTL": ("nash_mtl", {}),
    "Aligned_MTL": ("aligned_mtl", {}),
    "Aligned-MTL": ("aligned_mtl", {}),
    "AlignedMTL": ("aligned_mtl", {}),
    "FairGrad": ("fairgrad", {}),
    "UPGrad": ("upgrad", {}),
    "GradDrop": ("graddrop", {}),
    "ExcessMTL": ("excess_mtl", {}),
    "MoCo": ("moco", {}),
    "DB_MTL": ("db_mtl", {}),
    "DB-MTL": ("db_mtl", {}),
    # Settings of LibMTL that differ from the papers'.
    "uncertainty_libmtl": ("uncertainty", {"start": -0.5}),
    "gradvac_libmtl": ("gradvac", {"beta": 0.5}),
    "moco_libmtl": ("moco", {"softmax": True}),
    "excess_mtl_libmtl": ("excess_mtl", {"warmup_epochs": 0}),
    "graddrop_parameters": ("graddrop", {"at": "parameters"}),
}

__all__ = [
    "BALANCERS",
    "BALANCER_ALIASES",
    "Aligned",
    "Balancer",
    "ConflictAverse",
    "Decision",
    "DualBalancing",
    "DynamicWeightAverage",
    "Equal",
    "ExcessRisk",
    "FairGradients",
    "FastAdaptive",
    "Fixed",
    "GeometricLoss",
    "GradNorm",
    "GradientBalancer",
    "GradientSignDropout",
    "GradientSurgery",
    "GradientVaccine",
    "GramianBalancer",
    "Impartial",
    "ImpartialGradients",
    "ImpartialLosses",
    "LooksAgain",
    "LossBalancer",
    "MultipleGradientDescent",
    "NashBargaining",
    "PackedHead",
    "RandomWeights",
    "Shared",
    "SmoothTchebycheff",
    "TrackedGradients",
    "Uncertainty",
    "UnconflictingProjection",
]
