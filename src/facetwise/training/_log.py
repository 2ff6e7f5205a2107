"""The run log: one JSON object per line, whatever else listens."""

import json
from pathlib import Path
from typing import Any

__all__ = ["RunLog"]


class RunLog:
    """Appends lines to `log.jsonl`.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path

    def write(self, line: dict[str, Any]) -> None:
        """Append one line and hand it to the system at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=True) + "\n")
