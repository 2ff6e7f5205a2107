"""Whose a run folder is: claimed for one configuration and one table, never overwritten without being asked."""

import json
import shutil
from pathlib import Path
from typing import Any

from facetwise.errors import RunError
from facetwise.events import Event, Report

__all__ = ["claim_folder", "read_about"]


def read_about(folder: Path) -> dict[str, Any] | None:
    """What `run.json` says, or None where there is none."""
    path = folder / "run.json"
    if not path.is_file():
        return None
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or "digest" not in about:
        raise RunError(f"{path} is damaged. Fix: choose another --out, or remove the folder by hand")
    return about


def claim_folder(folder: Path, digest: str, *, overwrite: bool, report: Report) -> bool:
    """Make the folder ours; True where it already holds the finished run of the same configuration and data."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise RunError(f"{folder} is a file. Fix: choose another --out")
    known = read_about(folder)
    if known is not None and known["digest"] == digest and not overwrite:
        if (folder / "bundle" / "bundle.json").is_file():
            report(
                Event("notice", f"{folder} already holds this finished run; nothing to do", data={"code": "finished"})
            )
            return True
        _clear(folder)
        return False
    if overwrite and known is not None:
        _clear(folder)
        return False
    if any(folder.iterdir()):
        what = "another run (other data, schema or configuration)" if known else "files that are no run"
        ways = "--out with another folder" + (
            ", --overwrite to replace it, or the old options to continue it" if known else ""
        )
        raise RunError(f"{folder} holds {what}. Fix: {ways}")
    return False


def _clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else that may lie in the folder."""
    for name in ("checkpoints", "bundle", "predictions"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("config.yaml", "schema.yaml", "split.csv", "environment.json", "log.jsonl", "metrics.json",
                 "depth.json", "issues.parquet", "run.json", "report.html"):  # fmt: skip
        (folder / name).unlink(missing_ok=True)
