"""Weights on this machine: the caches of the Hugging Face hub and of torch. Downloads happen only when asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

from facetwise.errors import UnavailableError

__all__ = ["HUB_FILES", "cached", "cached_by_torch", "download", "not_here"]

# What the libraries call files of weights on the hub, the best first.
HUB_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)


def cached(repository: str, names: Sequence[str], *, revision: str | None = None) -> Path | None:
    """The first of the named files that the hub's cache holds; the network is not asked."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        path = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(path, str):
            return Path(path)
    return None


def torch_folder() -> Path:
    """Where torch keeps the files it has downloaded, without loading torch: `torch.hub.get_dir()` and `checkpoints`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"


def cached_by_torch(address: str | None) -> Path | None:
    """The file that torch would have kept for this address."""
    name = (address or "").rsplit("/", 1)[-1]
    path = torch_folder() / name
    return path if name and path.is_file() else None


def hub_folder() -> Path:
    """The hub's cache folder: the variable HF_HUB_CACHE, or `hub` in HF_HOME, or its default."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def not_here(
    spelled: str, repository: str | None, names: Sequence[str], *, instead: str = "give the option weights=FILE"
) -> UnavailableError:
    """What to say where a file is missing: which file, where it was looked for, and how to get it."""
    if repository is None:
        return UnavailableError(
            f"the backbone {spelled} needs a file of weights. Found none: nobody publishes one for it on the hub. "
            f"Fix: {instead}, or weights=random to train from nothing"
        )
    return UnavailableError(
        f"the backbone {spelled} needs {' or '.join(names)} of {repository} from the Hugging Face hub. "
        f"Found none in the cache folder {str(hub_folder())!r} (the variable HF_HOME moves it) nor in "
        f"{str(torch_folder())!r} (TORCH_HOME); nothing is downloaded unasked. "
        f"Fix: facetwise backbones --fetch {spelled}, where there is a network; "
        f"or copy the cache folder from a machine that has it; or {instead}"
    )


def download(spelled: str, repository: str, names: Sequence[str], *, revision: str | None = None) -> Path:
    """The first of the named files that the repository holds, from the network into the hub's cache.

    Raises:
        UnavailableError: no network, no such repository, none of the files, or a licence not accepted.
    """
    from huggingface_hub import errors, hf_hub_download

    for name in names:
        try:
            return Path(hf_hub_download(repository, name, revision=revision))
        except errors.LocalEntryNotFoundError as error:
            raise UnavailableError(_unreachable(spelled, repository, name)) from error
        except errors.GatedRepoError as error:
            raise UnavailableError(
                f"the weights of {spelled} ({repository}) are behind a licence that must be accepted by name. "
                "Found no access. Fix: accept it on the model's page of the Hugging Face hub, type `hf auth login`, "
                "and fetch again; or give a file that you have as weights=FILE"
            ) from error
        except errors.EntryNotFoundError:
            continue
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
            raise UnavailableError(
                f"{spelled} lies in the repository {repository} of the Hugging Face hub. Found no such repository or "
                "revision, or no right to see it. Fix: correct the name; for a private one, type `hf auth login`"
            ) from error
        except (errors.HfHubHTTPError, ConnectionError, TimeoutError, OSError) as error:
            raise UnavailableError(_unreachable(spelled, repository, name)) from error
    raise UnavailableError(
        f"the repository {repository} of the Hugging Face hub holds {' or '.join(names)}. Found none of them. "
        "Fix: download what it holds by hand and give it as weights=FILE"
    )


def _unreachable(spelled: str, repository: str, name: str) -> str:
    offline = " (the variable HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return (
        f"fetching {spelled} needs {name} of {repository} from the Hugging Face hub. Found no way there{offline}. "
        f"Fix: try again with a network; or fetch on another machine and copy its folder {str(hub_folder())!r}"
    )
