"""Whose a run folder is: claimed for one configuration and one table, never overwritten without being asked."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from facetwise.config import Config, config_to_yaml, load_config
from facetwise.errors import BundleError, RunError
from facetwise.events import Event, Report
from facetwise.inference import read_bundle, sweep_parts, write_json, write_text, writing
from facetwise.training._lock import LOCK

__all__ = ["Plan", "as_begun", "begin_run", "claim_folder", "is_finished", "own_config", "read_about"]

Plan = Literal["fresh", "continue", "replace"]

# What a run writes, in the order in which it is removed: first what makes it look finished, last what makes it ours.
_FOLDERS = ("bundle", "checkpoints", "predictions", "tensorboard", "wandb")
_FILES = (
    "metrics.json", "evaluation.parquet", "log.jsonl", "depth.json", "diagnostics.json", "issues.parquet",
    "preview.html", "report.html", "distillation.json", "zero_shot.json", "config.yaml", "schema.yaml", "split.csv",
    "environment.json", "tracker.json", "run.json",
)  # fmt: skip
# What a process that died before its first file leaves behind.
_NOTHING = re.compile(rf"{re.escape(LOCK)}|\.run\.json\.\d+\.part")
_PLACES = {
    "table": "table", "images": "--images", "schema": "schema", "features": "set of features",
    "split_from": "--split-from",
}  # fmt: skip


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


def is_finished(folder: Path, digest: str, *, report: Report) -> bool:
    """Whether the folder holds the finished run of this configuration and data: the bundle is written last."""
    if not (folder / "bundle" / "bundle.json").is_file() or (read_about(folder) or {}).get("digest") != digest:
        return False
    try:
        read_bundle(folder / "bundle")
    except BundleError as error:
        report(Event("notice", f"{error}. It is written again", data={"code": "damaged_bundle"}))
        return False
    report(Event("notice", f"{folder} already holds this finished run; nothing to do", data={"code": "finished"}))
    return True


def own_config(folder: Path, asked: Config, *, report: Report) -> Config:
    """The configuration that the run in the folder was begun with, for `--resume`.

    Raises:
        RunError: There is no run to continue.
    """
    if read_about(folder) is None or not (folder / "config.yaml").is_file():
        raise RunError(f"--resume continues a run. Found none in {folder}. Fix: leave --resume away to begin one")
    begun = load_config(folder / "config.yaml")
    if differences := _differences(begun, asked):
        words = f"continuing with the options that the run began with, not {', '.join(differences)}"
        report(Event("notice", words, data={"code": "own_options"}))
    return begun


def as_begun(folder: Path, digest: str, config: Config, *, overwrite: bool) -> Config:
    """The configuration with `features_in: auto` decided as when the run in the folder was begun, if it is this one.

    What fits depends on how many processes train on a machine: continued by another number of them, the rows would
    come in another order, some of them twice in the epoch that was interrupted and others not at all.
    """
    about = {} if overwrite else read_about(folder) or {}
    begun = about.get("features_in") if about.get("digest") == digest and config.features_in == "auto" else None
    return config.model_copy(update={"features_in": begun}) if begun in ("memory", "disk") else config


def claim_folder(folder: Path, facts: Mapping[str, Any], digest: str, *, config: Config, overwrite: bool) -> Plan:
    """What may be done with a folder that the caller holds the lock of.

    Args:
        folder: The folder.
        facts: What the digest is of.
        digest: Of the configuration and the data.
        config: The configuration.
        overwrite: The user wants whatever is there replaced.

    Returns:
        `fresh`: nothing is there. `continue`: this run, unfinished. `replace`: something that has to go first.

    Raises:
        RunError: Another run is there, or files that are no run.
    """
    about = read_about(folder)
    if about is None:
        if [path for path in folder.iterdir() if not _NOTHING.fullmatch(path.name)]:
            raise RunError(f"{folder} holds files that are no run. Fix: --out with another folder")
        return "fresh"
    same = about["digest"] == digest
    finished = (folder / "bundle" / "bundle.json").is_file()
    # A command with --overwrite that is given again after a crash means the run that it began itself.
    if overwrite and not (same and about.get("overwrite") and not finished):
        return "replace"
    if same:
        return "continue"
    known = about.get("facts", {})
    moved = [words for key, words in _PLACES.items() if known.get(key) != facts[key]]
    if moved:
        what = f"begun with {' and '.join(f'another {words}' for words in moved)} than now"
        ways = "--out with another folder, or --overwrite to replace it"
    else:
        begun = load_config(folder / "config.yaml") if (folder / "config.yaml").is_file() else Config()
        what = f"begun with other options (not {', '.join(_differences(begun, config)) or 'these'})"
        ways = "--resume to finish it as it was begun, --out with another folder, or --overwrite to replace it"
    raise RunError(f"{folder} holds another run, {what}. Fix: {ways}")


def begin_run(folder: Path, about: Mapping[str, Any], config: Config, *, plan: Plan) -> None:
    """Make the folder this run's: the old one goes, `run.json` says whose it is.

    Raises:
        RunError: The pictures are not those that the run began with.
        WriteError: The folder cannot be written.
    """
    if plan == "continue":
        known = read_about(folder) or {}
        if known.get("content") != about["content"]:
            raise RunError(
                f"{folder} holds a run that began with other pictures under the same names, or others of them readable."
                " Fix: --out with another folder, or --overwrite to replace it"
            )
    elif plan == "replace":
        _clear(folder)
    sweep_parts(folder, *(folder / name for name in _FOLDERS))
    if plan != "continue":
        write_json(folder / "run.json", about)
    write_text(folder / "config.yaml", config_to_yaml(config))


def _differences(begun: Config, asked: Config) -> list[str]:
    """Options that differ, as `epochs=5 (but 4)`; the first few."""
    old, new = begun.model_dump(mode="json"), asked.model_dump(mode="json")
    found = [f"{key}={_short(new[key])} (but {_short(old[key])})" for key in new if old[key] != new[key]]
    return found[:5] + (["..."] if len(found) > 5 else [])


def _short(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        options = ", ".join(f"{key}: {item}" for key, item in value.get("options", {}).items())
        return f"{value['name']}" + (f" {{{options}}}" if options else "")
    return str(value)


def _clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else that may lie in the folder."""
    for name in _FOLDERS:
        with writing(folder / name):
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
    for name in _FILES:
        with writing(folder / name):
            (folder / name).unlink(missing_ok=True)
