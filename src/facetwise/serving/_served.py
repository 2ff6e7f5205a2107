"""The model that answers now, and how another takes its place."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facetwise.decisions import Neighbours
from facetwise.errors import FacetwiseError, UserError
from facetwise.runtime import Model, load
from facetwise.schema import Schema

__all__ = ["Holder", "Served", "load_served"]

LOG = logging.getLogger("facetwise.serving")


@dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """A model that answers.

    Args:
        model: The file.
        digest: SHA-256 of its bytes; every answer names it.
        name: Of the file or the run, without its folder.
        neighbours: The training rows, where a run is served: the evidence of answers.
    """

    model: Model
    digest: str
    name: str
    neighbours: Neighbours | None = field(default=None, repr=False)

    @property
    def schema(self) -> Schema:
        """The vocabulary."""
        return self.model.schema

    def warm(self, batch: int) -> None:
        """Answer about black pictures, so that the first client waits for nothing."""
        size = self.model.facts.size
        for count in {1, batch}:
            self.model.decide(np.zeros((count, size, size, 3), np.uint8))


def load_served(path: Path, *, name: str | None = None, neighbours: Neighbours | None = None) -> Served:
    """An exported file, checked and ready.

    Args:
        path: The file.
        name: What it is called; the file's own name if not given.
        neighbours: See `Served`.

    Raises:
        BundleError: It was refused.
        UserError: It reads features, not pictures.
    """
    model = load(path, threads=1)
    if not model.facts.size:
        raise UserError(f"{path} reads features, not pictures. Fix: export without --features-only")
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Fix: check the path") from error
    return Served(model=model, digest=digest, name=name or path.name, neighbours=neighbours)


class Holder:
    """Holds the model; a reload that fails changes nothing.

    Args:
        load: Gives the model as it is on the disk now.
        batch: Largest batch, for warming.
    """

    def __init__(self, load: Callable[[], Served], *, batch: int = 1) -> None:
        self._load, self._batch = load, batch
        self.current = load()
        self.ready = False
        self._one = asyncio.Lock()

    async def warm(self) -> None:
        """Be ready."""
        await asyncio.to_thread(self.current.warm, self._batch)
        self.ready = True

    async def reload(self) -> str:
        """Take the model from the disk, if it can be had: `same`, `changed` or `failed`."""
        async with self._one:
            try:
                found = await asyncio.to_thread(self._fresh)
            except (FacetwiseError, OSError, MemoryError) as error:
                LOG.error("reload failed; the old model stays", extra={"told": {"problem": str(error)[:500]}})
                return "failed"
            if found.digest == self.current.digest:
                return "same"
            self.current = found
            LOG.info("reloaded", extra={"told": {"model": found.digest}})
            return "changed"

    def _fresh(self) -> Served:
        found = self._load()
        found.warm(self._batch)
        return found
