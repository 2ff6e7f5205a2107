"""Where the model is trained."""

import torch

from facetwise.errors import UserError

__all__ = ["choose_device"]


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is the first GPU where there is one.

    Raises:
        UserError: No such device on this machine.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"a device of this machine. Found {name!r}: {first}. Fix: --device auto, or cpu") from error
    return device
