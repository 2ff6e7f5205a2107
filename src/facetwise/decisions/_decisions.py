"""What a user gets: per item and attribute a value, an abstention or 'not applicable', with a confidence."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ABSTAINED", "Decisions"]

# The states of `schema.Labels` have the same numbers: 1 is a value, 2 is not applicable; only 0 reads differently.
ABSTAINED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Decisions about some items, and the scores that they rest on.

    Args:
        scores: (item, class) float32 in the layout's score columns: P(class | the attribute applies); a binary
            attribute has two columns; a numeric one has mean and deviation in the user's unit.
        applies: (item, attribute) float32: P(the attribute applies).
        state: (item, attribute) int8: `ABSTAINED`, `schema.VALUE` or `schema.NOT_APPLICABLE`.
        index: (item, attribute) int32: the class that would be given if the attribute applies, whatever `state`
            says; -1 for multilabel and numeric attributes.
        members: (item, class) uint8 in the layout's score columns: 1 for every class of a multilabel answer.
        number: (item, attribute) float64: the number that would be given, in the user's unit; NaN for other kinds.
        confidence: (item, attribute) float32: calibrated probability of the decision; NaN for numbers.
        chances: (item, class) float32: the scores, calibrated; the scores themselves if not given.
    """

    scores: np.ndarray
    applies: np.ndarray
    state: np.ndarray
    index: np.ndarray
    members: np.ndarray
    number: np.ndarray
    confidence: np.ndarray
    chances: np.ndarray = None  # ty: ignore[invalid-assignment]

    def __post_init__(self) -> None:
        if self.chances is None:
            object.__setattr__(self, "chances", self.scores)

    def __len__(self) -> int:
        return len(self.state)

    def take(self, rows: np.ndarray) -> "Decisions":
        """The decisions about some of the items."""
        return Decisions(**{name: getattr(self, name)[rows] for name in self.__slots__})
