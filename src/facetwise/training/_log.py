"""The run log: one JSON object per line, whatever else listens."""

import json
import os
from pathlib import Path
from typing import Any

from facetwise.inference import writing

__all__ = ["RunLog"]


class RunLog:
    """Appends lines to `log.jsonl`.

    Args:
        path: The file; its folder is made.
        writes: Whether this is the process that writes it.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        if writes:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.writes = path, writes

    def __len__(self) -> int:
        """Its bytes."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def cut(self, length: int) -> None:
        """Forget what was written after the first `length` bytes: epochs that are going to be trained again."""
        if self.writes and len(self) > length:
            with writing(self.path):
                os.truncate(self.path, length)

    def write(self, line: dict[str, Any], *, now: bool = True) -> None:
        """Append one line and, now or with the next one that is, flush it to the disk."""
        if not self.writes:
            return
        text = json.dumps(line, allow_nan=True) + "\n"
        with writing(self.path, needed=len(text)), self.path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if now:
                os.fsync(file.fileno())
