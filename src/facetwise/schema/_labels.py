"""The truth of a table, coded against a schema: three states per cell, never a guess."""

from dataclasses import dataclass

import numpy as np

__all__ = ["NOT_APPLICABLE", "UNKNOWN", "VALUE", "Labels"]

UNKNOWN, VALUE, NOT_APPLICABLE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Coded cells of some items.

    Args:
        state: (item, attribute) int8: `UNKNOWN`, `VALUE` or `NOT_APPLICABLE`.
        index: (item, attribute) int32: class of a categorical, binary (0 negative, 1 positive) or ordinal cell in
            state `VALUE`, else -1.
        members: (item, class) uint8 in the layout's score columns: 1 for every class of a multilabel cell in state
            `VALUE`, else 0. Columns of other kinds are 0. `encode` lays it out class by class.
        number: (item, attribute) float64: numbers in the user's unit, NaN elsewhere.
    """

    state: np.ndarray
    index: np.ndarray
    members: np.ndarray
    number: np.ndarray

    def __len__(self) -> int:
        return len(self.state)

    @staticmethod
    def no_members(num_items: int, num_scores: int) -> np.ndarray:
        """(item, class) uint8 of zeros without any memory, to be read only: for schemas without multilabel attributes.

        A hundred thousand classes of a million rows would else be a hundred gigabytes of zeros.
        """
        return np.broadcast_to(np.zeros((1, 1), dtype=np.uint8), (num_items, num_scores))

    @staticmethod
    def no_numbers(num_items: int, num_attributes: int) -> np.ndarray:
        """(item, attribute) float64 of NaN without any memory, to be read only: for schemas without numbers."""
        return np.broadcast_to(np.full((1, 1), np.nan), (num_items, num_attributes))

    def take(self, rows: np.ndarray) -> "Labels":
        """The labels of some items."""
        state, width = self.state[rows], self.members.shape[1]
        members = _taken(self.members, rows, len(state)) if any(self.members.strides) else None
        number = self.number[rows] if any(self.number.strides) else Labels.no_numbers(*state.shape)
        return Labels(
            state=state, index=self.index[rows], number=number,
            members=Labels.no_members(len(state), width) if members is None else members,
        )  # fmt: skip


def _taken(members: np.ndarray, rows: np.ndarray, num_rows: int) -> np.ndarray:
    """Some rows; what lies class by class stays so, and a class that none of them has takes no memory."""
    if not members.flags.f_contiguous:
        return members[rows]
    found = np.zeros((num_rows, members.shape[1]), dtype=np.uint8, order="F")
    for whole, own in zip(members.T, found.T, strict=True):
        if (taken := whole[rows]).any():
            own[:] = taken
    return found
