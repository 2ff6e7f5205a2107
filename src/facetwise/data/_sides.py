"""The sides of a split, and the words that name them."""

__all__ = ["SIDES", "side_of"]

SIDES = ("train", "val", "test")
_SIDE_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def side_of(text: str) -> str | None:
    """The side that a cell names.

    >>> side_of("Training"), side_of("dev"), side_of("Casual")
    ('train', 'val', None)
    """
    return _SIDE_WORDS.get(text.casefold())
