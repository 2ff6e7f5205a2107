"""What an audit finds, one entry per cell or picture, whatever found it."""

from dataclasses import dataclass

__all__ = ["KINDS", "Finding"]

# What may be wrong, in words for people.
KINDS = {
    "label": "the picture speaks against the label",
    "contradiction": "the same picture is labelled differently in another row",
    "alike": "a picture that looks the same is labelled differently in another row",
    "hierarchy": "the class belongs to another class of its parent",
    "applicability": "a value where the category has none",
    "rule": "a declared or mined rule is broken",
    "vocabulary": "no class of the schema: too rare, or not declared",
    "number": "no number that can be used",
    "spelling": "a rare spelling of a frequent class",
    "double": "the same picture in several rows",
    "double-alike": "a picture that looks the same in another row",
    "unreadable": "the picture cannot be read",
    "dark": "almost black",
    "bright": "almost white",
    "flat": "almost one colour",
    "blurred": "far less sharp than the other pictures",
    "tiny": "smaller than the model's input in both directions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at.

    Args:
        kind: One of `KINDS`.
        row: 0-based row of the table as it was read.
        image: The picture, as the table spells it.
        attribute: Column; "" for what is about the picture alone.
        old: What the cell says.
        new: What it would rather be; "" where nothing can be proposed.
        chance: Estimated probability that the cell is wrong; None for what is about the picture alone, and for a class
            that the schema does not know: nothing speaks against it.
        why: In words.
    """

    kind: str
    row: int
    image: str
    attribute: str = ""
    old: str = ""
    new: str = ""
    chance: float | None = None
    why: str = ""
