"""What stands between scores and what a user gets; fitted on validation rows, kept in the bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from facetwise.decisions._calibration import Calibration
from facetwise.decisions._conformal import Conformal
from facetwise.schema import Rule

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """From scores to what a user gets; an empty one changes nothing. Every key is an attribute's id.

    Args:
        calibration: From scores to chances.
        least: The confidence below which the answer is left open.
        shares: Of the attributes in `least`, the share of the validation answers that is given.
        goals: What was asked for, where it is not the best F1: `precision>=0.97`.
        conformal: What decides sets and intervals.
        flags: What rests on too little to be trusted, in words.
        rules: Mined rules between attributes, which answers are repaired by beside those of the schema.
        hierarchy: Children and parents: `off`, each by itself; `consistent`, together; `roll_up`, together, and where
            the child is unsure the parent alone.
    """

    calibration: Calibration = field(default_factory=Calibration)
    least: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    goals: Mapping[str, str] = field(default_factory=dict)
    conformal: Mapping[str, Conformal] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    hierarchy: str = "off"
