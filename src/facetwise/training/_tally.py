"""What an epoch has seen so far, per attribute: losses, weights, in how many steps it had labels."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["Tally"]


class Tally:
    """Sums over the steps of an epoch; part of the checkpoint.

    Args:
        names: Columns of the attributes.
        device: Of the model.
    """

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self.names = names
        self.sums = {name: torch.zeros(len(names), device=device) for name in ("losses", "weights", "steps")}
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    def add(self, losses: Tensor, weights: Tensor, active: Tensor) -> None:
        """One more step: (attribute) of each."""
        self._last = losses, weights, active
        self.sums["losses"] += torch.where(active, losses, 0.0)
        self.sums["weights"] += weights
        self.sums["steps"] += active

    def row(self) -> dict[str, Any]:
        """The last step by column; attributes without a label in it have no loss."""
        if self._last is None:
            return {}
        losses, weights, active = self._last
        return {"losses": self._by_column(torch.where(active, losses, torch.nan)), "weights": self._by_column(weights)}

    def close(self) -> tuple[float, dict[str, Any]]:
        """Mean loss of the attributes, and means by column over the steps that had labels; begins anew."""
        steps = self.sums["steps"].clamp_min(1)
        losses, weights = self.sums["losses"] / steps, self.sums["weights"] / steps
        seen = self.sums["steps"] > 0
        told = {"losses": self._by_column(torch.where(seen, losses, torch.nan)), "weights": self._by_column(weights)}
        for total in self.sums.values():
            total.zero_()
        return float(losses.mean()), told

    def _by_column(self, values: Tensor) -> dict[str, float | None]:
        return {
            name: None if value != value else value for name, value in zip(self.names, values.tolist(), strict=True)
        }
