"""A file is there whole or not at all."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

__all__ = ["PART", "committed", "sweep", "sweep_unlisted"]

# What a file is called while it is being written. Readers look for other endings and so never see it.
PART = ".part"

# Nobody writes a file for a day: what is older was left behind by a process that died.
_ABANDONED_SECONDS = 24 * 3600


@contextmanager
def committed(path: Path) -> Generator[Path]:
    """Lend a name beside `path` to write to; when all went well, flush it to the disk and give it its real name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the module tempfile: its files are closed to all other users, and a cache may belong to a group.
    part = path.with_suffix(f".{uuid4().hex}{PART}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what dead processes left half-written in a folder."""
    oldest = time.time() - _ABANDONED_SECONDS
    for part in folder.glob(f"*{PART}"):
        with suppress(FileNotFoundError):  # Another process sweeps too.
            if part.stat().st_mtime < oldest:
                part.unlink()


def sweep_unlisted(shards: Path, listed: Path) -> None:
    """Remove shards that are in no index: their process died between the two, and nobody will ever read them.

    Only those that are old, since another process may be between the two just now.
    """
    oldest = time.time() - _ABANDONED_SECONDS
    known = {part.stem for part in listed.iterdir()}
    for shard in shards.glob("*.safetensors"):
        if shard.stem not in known:
            with suppress(FileNotFoundError):
                if shard.stat().st_mtime < oldest:
                    shard.unlink()
