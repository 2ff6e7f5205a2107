"""Losses: packed logits and labels to cell losses. One island per file; this table is the only list of them."""

from facetwise.objectives.losses._asymmetric import Asymmetric
from facetwise.objectives.losses._balanced_softmax import BalancedSoftmax
from facetwise.objectives.losses._binary_cross_entropy import BinaryCrossEntropy
from facetwise.objectives.losses._binary_focal import BinaryFocal
from facetwise.objectives.losses._class_balanced import ClassBalanced
from facetwise.objectives.losses._class_dependent_temperature import ClassDependentTemperature
from facetwise.objectives.losses._corn import Corn
from facetwise.objectives.losses._cross_entropy import CrossEntropy
from facetwise.objectives.losses._focal import Focal
from facetwise.objectives.losses._hill import Hill
from facetwise.objectives.losses._influence_balanced import InfluenceBalanced
from facetwise.objectives.losses._ldam import Ldam
from facetwise.objectives.losses._logit_adjustment import LogitAdjustment
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.objectives.losses._one_vs_rest import OneVsRest
from facetwise.objectives.losses._robust_gaussian import RobustGaussian
from facetwise.objectives.losses._smooth_l1 import SmoothL1
from facetwise.objectives.losses._splc import Splc
from facetwise.objectives.losses._squared_hinge import SquaredHinge
from facetwise.objectives.losses._vector_scaling import VectorScaling
from facetwise.schema import Kind

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "focal": Focal,
    "class_balanced": ClassBalanced,
    "ldam": Ldam,
    "influence_balanced": InfluenceBalanced,
    "vector_scaling": VectorScaling,
    "logit_adjustment": LogitAdjustment,
    "class_dependent_temperature": ClassDependentTemperature,
    "balanced_softmax": BalancedSoftmax,
    "one_vs_rest": OneVsRest,
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_focal": BinaryFocal,
    "asymmetric": Asymmetric,
    "squared_hinge": SquaredHinge,
    "hill": Hill,
    "splc": Splc,
    "corn": Corn,
    "robust_gaussian": RobustGaussian,
    "smooth_l1": SmoothL1,
}

# Names that papers and their code use, and published variants: a line of the table with options.
LOSS_ALIASES: dict[str, tuple[str, dict[str, object]]] = {
    "CE": ("cross_entropy", {}),
    "Focal": ("focal", {"gamma": 1.0}),
    "CE-CB": ("class_balanced", {"beta": 0.9999, "gamma": 0.0}),
    "F-CB": ("class_balanced", {"beta": 0.9999, "gamma": 1.0}),
    "FLCB": ("class_balanced", {"beta": 0.999, "gamma": 2.0}),
    "LDAM": ("ldam", {}),
    "ib": ("influence_balanced", {}),
    "IB": ("influence_balanced", {}),
    "ib_focal": ("influence_balanced", {"gamma": 1.0}),
    "IBFocal": ("influence_balanced", {"gamma": 1.0}),
    "vs": ("vector_scaling", {}),
    "VS": ("vector_scaling", {}),
    "la": ("logit_adjustment", {}),
    "LA": ("logit_adjustment", {}),
    "cdt": ("class_dependent_temperature", {}),
    "CDT": ("class_dependent_temperature", {}),
    "BCE": ("binary_cross_entropy", {}),
    "ASL": ("asymmetric", {}),
    "huber": ("smooth_l1", {"beta": 1.0}),
}

# Names that mean another line for some kinds: of yes or no, the focal loss is that of a sigmoid. γ is the same under a
# name whatever the kind, so that a choice per column, whose kind is known late, means what a choice per kind does.
LOSS_ALIASES_BY_KIND: dict[Kind, dict[str, tuple[str, dict[str, object]]]] = {
    kind: {"focal": ("binary_focal", {}), "Focal": ("binary_focal", {"gamma": 1.0})}
    for kind in (Kind.BINARY, Kind.MULTILABEL)
}


def published_loss(name: str, kind: Kind) -> tuple[str, dict[str, object]]:
    """The line of the table that a name means for attributes of a kind, and the options that it stands for.

    >>> published_loss("Focal", Kind.CATEGORICAL), published_loss("focal", Kind.BINARY)
    (('focal', {'gamma': 1.0}), ('binary_focal', {}))
    """
    return LOSS_ALIASES_BY_KIND.get(kind, {}).get(name) or LOSS_ALIASES.get(name, (name, {}))


# The fixed measure of each kind, whatever is trained: what a validation loss is made of.
PLAIN_LOSSES: dict[Kind, type[Loss]] = {
    Kind.CATEGORICAL: CrossEntropy,
    Kind.BINARY: BinaryCrossEntropy,
    Kind.MULTILABEL: BinaryCrossEntropy,
    Kind.ORDINAL: Corn,
    Kind.NUMERIC: RobustGaussian,
}

__all__ = [
    "LOSSES",
    "LOSS_ALIASES",
    "LOSS_ALIASES_BY_KIND",
    "PLAIN_LOSSES",
    "Asymmetric",
    "BalancedSoftmax",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CellLosses",
    "ClassBalanced",
    "ClassDependentTemperature",
    "Corn",
    "CrossEntropy",
    "Focal",
    "Hill",
    "InfluenceBalanced",
    "Ldam",
    "LogitAdjustment",
    "Loss",
    "OneVsRest",
    "RobustGaussian",
    "SmoothL1",
    "Splc",
    "SquaredHinge",
    "VectorScaling",
    "published_loss",
]
