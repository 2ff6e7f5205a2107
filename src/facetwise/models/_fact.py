"""What a number, a row of numbers or a table of diagnostics is about."""

from typing import NamedTuple

__all__ = ["Fact"]


class Fact(NamedTuple):
    """One fact that a stage tells of itself.

    Args:
        about: What it is, in a few words, for people.
        axes: What each dimension counts, in the singular; none for a single number. "attribute" are the attributes that
            have logits, in the order of `FacetModel.places`.
    """

    about: str
    axes: tuple[str, ...] = ()
