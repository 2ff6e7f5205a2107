"""Files of weights: named by their bytes, read without running anything in them, loaded whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetwise.errors import UnavailableError, UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "RANDOM",
    "check_complete",
    "digest_of",
    "given_file",
    "load_exactly",
    "read_weights",
    "without_prefix",
]

# What a user writes in place of a file to train from nothing; never chosen in silence.
RANDOM = "random"

# Where training programs put the tensors inside a checkpoint: open_clip and GCL, timm, DINO, and the usual spellings.
_WRAPPERS = ("state_dict", "model", "model_state_dict", "teacher")
# How many names an error message shows.
_LISTED = 5


def given_file(weights: str) -> Path:
    """The file that the option `weights` names.

    Raises:
        UserError: there is no such file.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"`weights` names a file (.safetensors, .pth, .pt, .bin), or is {RANDOM!r}. Found no file {str(path)!r}. "
            "Fix: correct the path"
        )
    return path


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 of a file; of several, the SHA-256 of their digests in order."""
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a file, out of whatever a training program has wrapped around them.

    `.safetensors` holds numbers only. Everything else is read with `torch.load(weights_only=True)`: a file that would
    have to run code to be read is refused.

    Raises:
        UnavailableError: the file is damaged, would run code, or holds no tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise UnavailableError(_unreadable(path, f"a damaged safetensors file ({error})")) from error
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except torch.serialization.pickle.UnpicklingError as error:
        reason = "a file that runs code while it is read, or no file of torch's; neither is opened"
        raise UnavailableError(_unreadable(path, reason)) from error
    except (RuntimeError, EOFError, KeyError, ValueError, TypeError, AttributeError) as error:
        first = str(error).strip().split("\n")[0][:200]
        raise UnavailableError(_unreadable(path, f"a file that torch cannot read ({first})")) from error
    return _unwrapped(content, path)


def _unreadable(path: Path, found: str) -> str:
    return (
        f"weights are safetensors, or a torch file of tensors only. Found {found}: {str(path)!r}. "
        "Fix: save the network's state_dict() as safetensors on the machine that made it"
    )


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    from torch import Tensor

    while isinstance(content, Mapping):
        inside = [key for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inside:
            break
        content = content[inside[0]]
    if not isinstance(content, Mapping) or not content:
        raise UnavailableError(_unreadable(path, f"{type(content).__name__} without tensors"))
    others = sorted(str(key) for key, value in content.items() if not isinstance(value, Tensor))
    if others:
        raise UnavailableError(_unreadable(path, f"values that are not tensors ({_shown(others)})"))
    return without_prefix({str(key): value for key, value in content.items()}, "module.")


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The same tensors without a prefix that all names have.

    >>> without_prefix({"module.a": 1}, "module."), without_prefix({"module.a": 1, "b": 2}, "module.")
    ({'a': 1}, {'module.a': 1, 'b': 2})
    """
    if all(name.startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def _shown(names: Iterable[str]) -> str:
    """The first few names, and how many there are besides."""
    listed = list(names)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"{', '.join(listed[:_LISTED])}{more}"


def load_exactly(
    network: nn.Module, state: Mapping[str, Tensor], *, source: str, droppable: Sequence[str] = ()
) -> None:
    """Load every tensor of a network, in float32; nothing stays at its random start and nothing is left over.

    Args:
        network: what the weights are for.
        state: names and tensors.
        source: the file, for the message.
        droppable: beginnings of names that a descriptor has no use for, such as a classifier's.

    Raises:
        UnavailableError: names or shapes differ; the first of them are named.
    """
    wanted = network.state_dict()
    useful = {name: value for name, value in state.items() if name in wanted or not name.startswith(tuple(droppable))}
    missing = sorted(set(wanted) - set(useful))
    unknown = sorted(set(useful) - set(wanted))
    shapes = sorted(
        f"{name} {tuple(useful[name].shape)} for {tuple(wanted[name].shape)}"
        for name in set(wanted) & set(useful)
        if useful[name].shape != wanted[name].shape
    )
    check_complete(len(wanted), missing=missing, unknown=unknown, shapes=shapes, source=source)
    network.load_state_dict({name: useful[name].to(wanted[name].dtype) for name in wanted}, strict=True)


def check_complete(
    count: int, *, missing: Sequence[str], unknown: Sequence[str], shapes: Sequence[str], source: str
) -> None:
    """Nothing unless names or shapes differ.

    Raises:
        UnavailableError: they do; the first of them are named.
    """
    found = [f"missing: {_shown(missing)}"] if missing else []
    found += [f"unknown: {_shown(unknown)}"] if unknown else []
    found += [f"of another shape: {_shown(shapes)}"] if shapes else []
    if found:
        raise UnavailableError(
            f"the weights and the network have the same {count} tensors. Found {'; '.join(found)}; "
            f"in {source}. Fix: give the weights of this very network, or name the network that they belong to"
        )
