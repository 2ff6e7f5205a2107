"""The trainings of a study on disk: one file each, whole or not there, found again by what it was made from."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config, config_to_yaml
from facetwise.errors import RunError
from facetwise.features import file_digest
from facetwise.inference import sweep_parts, write_json, writing
from facetwise.metrics import Evaluation
from facetwise.schema import Schema, schema_digest
from facetwise.training import LOCK, Prepared, Structure, Trial

__all__ = ["SCRATCH", "Cell", "cell_digest", "claim_study", "facts_of", "read_cell", "write_cell"]

# Of the file of a cell; one of another format is trained again. Since 2 it tells every class, which a metric may name.
FORMAT = 2
# Folder of a study in which trainings keep what is removed when they end.
SCRATCH = "scratch"
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training of a comparison.

    Args:
        evaluation: Of its test rows; None where it could not be trained.
        error: Why not.
        right: (item,) share of right cells per test row; NaN where none is labelled.
        items: (item,) rows of the table.
        groups: (item,) which set of rows that stay together each belongs to.
        train: Number of training rows.
        facts: seconds, peak_megabytes, epochs, best_epoch, parameters, selected.
    """

    evaluation: Evaluation | None
    error: str | None
    right: np.ndarray
    items: np.ndarray
    groups: np.ndarray
    train: int
    facts: dict[str, Any]


def facts_of(read: Structure, *, schema: Schema | None, features: Path | None) -> dict[str, Any]:
    """What a training depends on beside its configuration."""
    return {
        "facetwise": version("facetwise"),
        "format": FORMAT,
        "table": read.table.digest,
        "images": str(read.root.resolve()),
        "schema": None if schema is None else schema_digest(schema),
        "features": None if features is None else file_digest(features),
    }


def cell_digest(config: Config, facts: Mapping[str, Any]) -> str:
    """The name of the file of a training; how many threads read pictures decides nothing."""
    told = {"config": config_to_yaml(config.model_copy(update={"workers": 0})), **facts}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def write_cell(path: Path, prepared: Prepared, trial: Trial | str, config: Config) -> None:
    """Write what a training has shown, or why there was none."""
    rows = prepared.split.rows("test")
    _, groups = np.unique(np.array(prepared.split.groups, dtype=object)[rows].astype(str), return_inverse=True)
    data: dict[str, Any] = {
        "format": FORMAT, "config": config.model_dump(mode="json"), "error": None, "evaluation": None, "right": [],
        "items": prepared.rows[rows].tolist(), "groups": groups.tolist(),
        "train": len(prepared.split.rows("train")), "facts": {},
    }  # fmt: skip
    if isinstance(trial, str):
        data["error"] = trial
    else:
        data["evaluation"] = trial.evaluation.to_dict()
        data["right"] = [None if np.isnan(share) else float(share) for share in trial.right]
        data["facts"] = {
            "seconds": trial.seconds, "peak_megabytes": trial.peak_megabytes, "epochs": trial.epochs,
            "best_epoch": trial.best_epoch, "parameters": trial.parameters, "selected": trial.selected,
        }  # fmt: skip
    write_json(path, data)


def read_cell(path: Path) -> Cell | None:
    """What a file holds; None where there is none, or none that can be read, so that it is trained again."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        return Cell(
            evaluation=None if data["evaluation"] is None else Evaluation.from_dict(data["evaluation"]),
            error=data["error"],
            right=np.array([np.nan if share is None else share for share in data["right"]], dtype=np.float64),
            items=np.array(data["items"], dtype=np.int64),
            groups=np.array(data["groups"], dtype=np.int64),
            train=data["train"],
            facts=data["facts"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def claim_study(folder: Path, kind: str, files: tuple[str, ...], *, overwrite: bool) -> None:
    """Make a folder that the caller holds the lock of the folder of a study.

    Args:
        folder: The folder.
        kind: `comparison` or `sweep`: the name of the marker file.
        files: What such a study writes beside it.
        overwrite: Whether what an earlier study of this kind wrote goes first.

    Raises:
        RunError: It holds something else.
    """
    marker = folder / f"{kind}.json"
    there = [path for path in folder.iterdir() if path.name != LOCK]
    if there and not marker.is_file():
        raise RunError(f"{folder} holds files that are no {kind}. Fix: --out with another folder")
    if overwrite:
        for name in (*files, marker.name):
            path = folder / name
            with writing(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)  # of a process that died
    sweep_parts(folder, *(path for path in folder.iterdir() if path.is_dir()))
    if not marker.is_file():
        write_json(marker, {"format": FORMAT, "facetwise": version("facetwise")})
