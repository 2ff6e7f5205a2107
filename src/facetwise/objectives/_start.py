"""When something begins: after some epochs, or after a share of the training."""

__all__ = ["START_RULE", "is_start", "reached"]

START_RULE = "is a number of epochs (a whole number) or a share of the training (0.0 to 1.0)"


def reached(start: float, *, progress: float, epoch: int) -> bool:
    """Whether an epoch lies at or behind the start.

    Args:
        start: A whole number is an epoch, counted from 0; a number with a point is a share of the training.
        progress: Share of the training that is done when the epoch begins.
        epoch: Epochs that are done.

    >>> reached(5, progress=0.1, epoch=5), reached(0.8, progress=0.75, epoch=15), reached(1, progress=0.0, epoch=0)
    (True, False, False)
    """
    return epoch >= start if isinstance(start, int) else progress >= start


def is_start(value: object) -> bool:
    """Whether a value of an option can be a start."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= 0 if isinstance(value, int) else 0.0 <= value <= 1.0
