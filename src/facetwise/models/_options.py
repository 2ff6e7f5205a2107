"""What the stages of a model share about options: the words to choose from, and complaints about numbers."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import nn

from facetwise.errors import Complaint, ConfigError

__all__ = ["ACTIVATIONS", "Activation", "Norm", "Rule", "check_options", "share"]

Activation = Literal["gelu", "relu", "silu", "tanh", "identity"]
# Normalisations of a hidden layer; `_norms.py` makes them.
Norm = Literal["layer", "batch", "none"]

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}


class Rule(NamedTuple):
    """One option, whether its value is legal, and the rule in words."""

    option: str
    value: object
    holds: bool
    rule: str


def share(option: str, value: float) -> Rule:
    """The value is a probability below 1."""
    return Rule(option, value, 0 <= value < 1, "at least 0 and below 1")


def check_options(stage: str, *rules: Rule) -> None:
    """Refuse what breaks a rule, everything at once.

    Raises:
        ConfigError: Some value is not legal.
    """
    complaints = [
        Complaint(
            place=f"config: {stage}.{rule.option}", rule=rule.rule, found=repr(rule.value), fix="correct the value"
        )
        for rule in rules
        if not rule.holds
    ]
    if complaints:
        raise ConfigError(complaints)
