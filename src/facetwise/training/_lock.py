"""One process at a time in a run folder."""

import json
import os
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from facetwise.errors import RunError
from facetwise.inference import writing

__all__ = ["LOCK", "hold"]

LOCK = ".lock"


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Keep every other process out of a run folder.

    The lock belongs to the process and not to the file: the system takes it away when the process dies, however it
    dies, and a file that is left behind locks nobody out. Where the system has no such locks (Windows, some network
    disks) nobody is kept out.

    Raises:
        RunError: Another process is in there; or the folder is a file.
        WriteError: It cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file. Fix: choose another --out")
    new = not folder.exists()
    with writing(folder / LOCK):
        folder.mkdir(parents=True, exist_ok=True)
        file = _opened(folder / LOCK)
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
        file.close()
        if new:  # an empty folder that was not there before is no result
            with suppress(OSError):
                folder.rmdir()


def _opened(path: Path) -> IO[str]:
    """The lock file, locked; what holds it is written in it."""
    while True:
        file = path.open("a+", encoding="utf-8")
        if not _locked(file):
            holder = _holder(file)
            file.close()
            raise RunError(
                f"{path.parent} belongs to one process at a time. Found {holder} at work in it. "
                "Fix: wait until it has finished, stop it, or choose another --out"
            )
        with suppress(FileNotFoundError):
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                break
        file.close()  # its former owner has removed it between our opening and our locking
    file.truncate(0)
    file.write(json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%H:%M")}))
    file.flush()
    return file


def _locked(file: IO[str]) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        return True
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        known = json.loads(file.read())
        return f"process {known['process']} on {known['host']} since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
