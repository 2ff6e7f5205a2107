"""A run as a folder to give away, and the way to a hub and back: JSON, safetensors and a model card, nothing else."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from facetwise.config import config_to_yaml
from facetwise.errors import UnavailableError, UserError
from facetwise.inference import Bundle, write_bundle, write_json, write_text
from facetwise.reports import Carded, model_card
from facetwise.schema import schema_to_yaml
from facetwise.training import FinishedRun

__all__ = ["fetch_pretrained", "push_pretrained", "write_pretrained"]

# What a repository may hold for us; everything else is never downloaded, let alone opened.
PATTERNS = ("bundle/*.json", "bundle/*.safetensors", "config.json", "config.yaml", "metrics.json", "run.json",
            "schema.yaml", "README.md")  # fmt: skip


def write_pretrained(
    run: FinishedRun, folder: Path, *, name: str | None = None, licence: str | None = None, evidence: bool = False
) -> Path:
    """Write what another machine needs to answer; arguments and errors as of `Run.save_pretrained`."""
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is an empty or a new folder. Found files in it. Fix: another folder")
    bundle = run.bundle if evidence else _nameless(run.bundle)
    columns = {attribute.id: attribute.column for attribute in bundle.schema.attributes}
    card = Carded(
        name=name or str(folder), schema=bundle.schema, metrics=run.metrics, backbone=bundle.backbone,
        model=bundle.model, data=bundle.data, facetwise=bundle.facetwise, licence=licence,
        flags={columns[key]: told for key, told in bundle.policy.flags.items()}, evidence=evidence,
        neighbours=0 if bundle.neighbours is None else len(bundle.neighbours),
    )  # fmt: skip
    write_text(folder / "README.md", model_card(card))
    write_json(folder / "config.json", {"library_name": "facetwise", "facetwise": bundle.facetwise})
    write_text(folder / "config.yaml", config_to_yaml(run.config))
    write_text(folder / "schema.yaml", schema_to_yaml(bundle.schema))
    write_json(folder / "metrics.json", run.metrics)
    # Of the table it says nothing: folders are the machine's that trained it.
    nowhere = {"table": None, "images": None, "test": None, "features": None, "corrections": None}
    write_json(
        folder / "run.json", {"digest": "pretrained", "facts": {}, "content": bundle.data.get("content"), **nowhere}
    )
    write_bundle(folder / "bundle", bundle)
    return folder


def _nameless(bundle: Bundle) -> Bundle:
    """Without the names of the training pictures, which no answer needs."""
    if bundle.neighbours is None:
        return bundle
    names = tuple(str(number) for number in range(len(bundle.neighbours)))
    return replace(bundle, neighbours=replace(bundle.neighbours, images=names))


def push_pretrained(
    run: FinishedRun,
    repository: str,
    *,
    private: bool,
    token: str | None,
    licence: str | None = None,
    evidence: bool = False,
) -> str:
    """Upload a run; arguments and errors as of `Run.push_to_hub`."""
    about = run.bundle.backbone
    if run.bundle.network is not None and str(about.get("licence", "")).startswith("LicenseRef-"):
        raise UserError(
            f"the bundle holds weights of {about['name']} under {about['licence']}, which may forbid to pass them on. "
            "Fix: read its terms; run.save_pretrained(FOLDER) writes what you may then upload yourself"
        )
    with _hub(repository, "pushing"):
        from huggingface_hub import HfApi

        with tempfile.TemporaryDirectory(prefix="pushing-") as scratch:
            folder = write_pretrained(run, Path(scratch) / "run", name=repository, licence=licence, evidence=evidence)
            api = HfApi(token=token)
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                commit_message="A run of facetwise",
                allow_patterns=list(PATTERNS),
            )
    return str(done)


def fetch_pretrained(repository: str, *, revision: str | None, token: str | None) -> Path:
    """The folder of a repository, from the hub or, where it has been fetched before, from its cache."""
    with _hub(repository, "fetching"):
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(repository, revision=revision, token=token, allow_patterns=list(PATTERNS)))


@contextmanager
def _hub(repository: str, doing: str) -> Generator[None]:
    """Say in words what goes wrong between here and the hub.

    Raises:
        UnavailableError: No network, no such repository, no right.
        UserError: The library is not here, or the name is none.
    """
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise UserError(
            f"{doing} {repository} needs huggingface_hub. Found none. Fix: pip install huggingface_hub"
        ) from error
    try:
        yield
    except errors.HFValidationError as error:
        raise UserError(f"a repository is written OWNER/NAME. Found {repository!r}. Fix: correct the name") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise UnavailableError(
            f"{doing} {repository}: the hub knows the repository, and you may use it. Found no such repository or "
            "revision, or no right. Fix: correct the name; for a private one, type `hf auth login`"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        raise UnavailableError(_unreachable(repository, doing)) from error
    except OSError as error:  # what the library raises where it has no way out
        if isinstance(error, UserError):
            raise
        raise UnavailableError(_unreachable(repository, doing)) from error


def _unreachable(repository: str, doing: str) -> str:
    offline = " (the variable HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return (
        f"{doing} {repository} needs the Hugging Face hub. Found no way there{offline}. Fix: try again with a network; "
        "or run.save_pretrained(FOLDER) there and fw.from_pretrained(FOLDER) here"
    )
