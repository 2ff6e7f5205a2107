"""Which attributes share which latent tasks, as a table for people and as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facetwise.models.factorisation._penalties import group_lengths

__all__ = ["Sharing", "read_sharing"]

# From nothing to the longest block of the matrix.
_SHADES = "·░▒▓█"


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What the zeros of S say.

    Args:
        attributes, groups: Names.
        members: Group number of each attribute.
        lengths: ‖s_k^g‖₂ (latent, group); exactly 0 where a group does not use a latent task.
        used: Whether an attribute uses a latent task (latent, attribute).
        spread: ‖l_k‖₂ of each latent task (latent).
    """

    attributes: tuple[str, ...]
    groups: tuple[str, ...]
    members: tuple[int, ...]
    lengths: np.ndarray
    used: np.ndarray
    spread: np.ndarray

    @property
    def zero_groups(self) -> list[tuple[int, str]]:
        """(latent task, group) of every block that is exactly 0."""
        return [(int(k), self.groups[g]) for k, g in np.argwhere(self.lengths == 0)]

    @property
    def unused(self) -> list[int]:
        """Latent tasks that no attribute uses, or that read no feature."""
        return [int(k) for k in np.flatnonzero(~self.used.any(axis=1) | (self.spread == 0))]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        latent = [
            {
                "latent": k,
                "groups": {self.groups[g]: float(row[g]) for g in np.flatnonzero(row)},
                "attributes": [self.attributes[a] for a in np.flatnonzero(self.used[k])],
                "spread": float(self.spread[k]),
            }
            for k, row in enumerate(self.lengths)
        ]
        members = {
            name: [self.attributes[a] for a, g in enumerate(self.members) if g == number]
            for number, name in enumerate(self.groups)
        }
        return {"groups": members, "latent": latent, "unused": self.unused}

    def __str__(self) -> str:
        """One line per latent task that is used, the most used first; one column per group."""
        most = self.lengths.max(initial=0.0)
        width = max((len(name) for name in self.groups), default=0)
        lines = [f"{len(self.lengths) - len(self.unused)} of {len(self.lengths)} latent tasks in use"]
        lines += [f"{'':8}{'│' * g}┌ {name}" for g, name in reversed(list(enumerate(self.groups)))]
        idle = set(self.unused)
        for k in np.argsort(-self.lengths.sum(axis=1), kind="stable"):
            if int(k) not in idle:
                shades = "".join(_SHADES[0 if x == 0 else max(1, round(4 * float(x) / most))] for x in self.lengths[k])
                names = ", ".join(self.attributes[a] for a in np.flatnonzero(self.used[k]))
                lines.append(f"L{int(k):<6} {shades} {'':{max(0, width - 12)}} {names}".rstrip())
        return "\n".join(lines)


def read_sharing(
    latent: np.ndarray,
    combination: np.ndarray,
    groups: np.ndarray,
    *,
    attributes: Sequence[str] | None = None,
    group_names: Sequence[str] | None = None,
) -> Sharing:
    """The report of L (feature, latent), S (latent, attribute) and the group number of each attribute."""
    count = int(groups.max(initial=-1)) + 1
    return Sharing(
        attributes=tuple(attributes or (f"attribute {a}" for a in range(combination.shape[1]))),
        groups=tuple(group_names or (f"group {g}" for g in range(count))),
        members=tuple(int(g) for g in groups),
        lengths=group_lengths(combination, groups),
        used=combination != 0,
        spread=np.linalg.norm(latent, axis=0),
    )
