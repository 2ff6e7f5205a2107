"""What comes out: L, S, intercepts, the course of the objective; saved and read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetwise.errors import BundleError, UserError, WriteError
from facetwise.models.factorisation._sharing import Sharing, read_sharing

__all__ = ["Factorisation"]


@dataclass(frozen=True, kw_only=True)
class Factorisation:
    """W = L S and what it cost.

    Args:
        latent: L (feature, latent).
        combination: S (latent, attribute).
        intercepts: b (attribute).
        groups: Group number of each attribute.
        objective: The objective at the start and after each half step.
        losses: Mean loss over labelled cells of each attribute, at the start and after each round: (round + 1,
            attribute).
        converged: Whether the last round gained less than the tolerance.
    """

    latent: np.ndarray
    combination: np.ndarray
    intercepts: np.ndarray
    groups: np.ndarray
    objective: tuple[float, ...]
    losses: np.ndarray
    converged: bool

    @property
    def weights(self) -> np.ndarray:
        """W = L S (feature, attribute)."""
        return self.latent @ self.combination

    def scores(self, features: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """f (item, attribute) of one array of features (item, feature), or of one per attribute; 0 is the border."""
        if isinstance(features, np.ndarray) and features.ndim == 2:
            return np.asarray(features, float) @ self.weights + self.intercepts
        if len(features) != len(self.intercepts):
            raise UserError(f"one array of features per attribute ({len(self.intercepts)}). Found {len(features)}")
        each = [np.asarray(x, float) @ self.weights[:, a] for a, x in enumerate(features)]
        return np.stack(each, axis=1) + self.intercepts

    def predict(self, features: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """1 or -1 (item, attribute)."""
        return np.where(self.scores(features) >= 0, 1, -1)

    def sharing(self, *, attributes: Sequence[str] | None = None, group_names: Sequence[str] | None = None) -> Sharing:
        """Which attributes share which latent tasks, with names if given."""
        return read_sharing(self.latent, self.combination, self.groups, attributes=attributes, group_names=group_names)

    def save(self, path: str | Path) -> None:
        """Everything into one safetensors file.

        Raises:
            WriteError: The file cannot be written.
        """
        from safetensors.numpy import save

        arrays = {
            "latent": self.latent,
            "combination": self.combination,
            "intercepts": self.intercepts,
            "groups": self.groups.astype(np.int64),
            "objective": np.array(self.objective),
            "losses": self.losses,
            "converged": np.array([self.converged], np.uint8),
        }
        try:
            Path(path).write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        except OSError as error:
            raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error

    @classmethod
    def read(cls, path: str | Path) -> "Factorisation":
        """What `save` wrote.

        Raises:
            BundleError: The file is missing, damaged or something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(Path(path).read_bytes())
            return cls(
                latent=arrays["latent"],
                combination=arrays["combination"],
                intercepts=arrays["intercepts"],
                groups=arrays["groups"],
                objective=tuple(arrays["objective"].tolist()),
                losses=arrays["losses"],
                converged=bool(arrays["converged"][0]),
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise BundleError(f"{path} is no saved factorisation: {error}") from error
