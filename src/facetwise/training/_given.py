"""Where the features of a table lie while it is trained on: in memory, or on disk where memory is too small."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config
from facetwise.events import Event, Report
from facetwise.features import StoredRows, extract, features_from_file, fits_memory, in_words, measure_machine
from facetwise.inference import Described, cache_root
from facetwise.models.backbones import Backbone
from facetwise.training._batch_size import in_batches
from facetwise.training._blocks import Blocks, spread
from facetwise.training.finetuning import FINETUNING

__all__ = ["Given", "given_features", "kept_features", "left_on_disk"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """Features of a file of the user's own.

    Args:
        features: Of the rows that have some.
        rows: Which these are.
        issues: Row → (reason, message) of the others.
    """

    features: np.ndarray | StoredRows
    rows: np.ndarray
    issues: dict[int, tuple[str, str]]


def given_features(path: Path, config: Config, *, rows: int, report: Report) -> Given:
    """Features of a file, one row per row of the table; a row that is not all numbers is an issue.

    Args:
        path: The file.
        config: Says where they are kept.
        rows: Of the table.
        report: Told if they stay on disk.

    Raises:
        UserError: No such file.
    """
    array = features_from_file(path, rows=rows, where=config.features_in)
    if isinstance(array, StoredRows):
        _tell(array, config, report)
    pieces: Iterator[np.ndarray] = array.pieces() if isinstance(array, StoredRows) else iter([array])
    broken = np.concatenate([np.zeros(0, bool), *(_broken(piece) for piece in pieces)])
    kept = np.flatnonzero(~broken)
    issues = {int(row): ("unreadable", "its features are not numbers") for row in np.flatnonzero(broken)}
    return Given(features=array[kept] if issues else array, rows=kept, issues=issues)


def _broken(rows: np.ndarray) -> np.ndarray:
    """(row,) whether a row has a NaN. A sum finds nearly all that have none without looking at each number twice."""
    with np.errstate(over="ignore", invalid="ignore"):
        odd = np.flatnonzero(~np.isfinite(rows.sum(axis=1)))
    broken = np.zeros(len(rows), dtype=bool)
    broken[odd] = np.isnan(rows[odd]).any(axis=1)
    return broken


def left_on_disk(pictures: int, backbone: Backbone, config: Config) -> dict[str, Any]:
    """Options of a description whose rows stay in the cache; none where they fit into memory, or the backbone learns.

    Args:
        pictures: Rows of the table.
        backbone: What describes them.
        config: Says where they are kept.
    """
    if config.features_in == "memory" or FINETUNING[config.finetune.name].tunes:
        return {}
    fits = fits_memory(pictures, backbone.width, machine=measure_machine(cache_root()))
    if config.features_in == "auto" and fits:
        return {}
    return {"read": False, "extractor": partial(extract, in_memory=False)}


def kept_features(described: Described, config: Config, *, left: bool, report: Report) -> np.ndarray | StoredRows:
    """The features of the readable rows: in the cache, if they are `left` there, or in memory.

    Rows with several pictures are read in any case: what a model reads of them is not a row of the cache.
    """
    several = len(described.good) != len(described.owner)
    if left and not several:
        rows = described.extraction.stored()
        _tell(rows, config, report)
        return rows
    if left:
        words = "features of rows with several pictures do not stay on disk: they are read into memory"
        report(Event("notice", words, data={"code": "features-on-disk"}))
        described = replace(described, features=described.extraction.array())
    return described.stacked() if config.views == "attention" else described.pooled()


def _tell(rows: StoredRows, config: Config, report: Report) -> None:
    """The rule, and what it costs."""
    matrix = in_words(len(rows) * rows.shape[1] * 4)
    machine = measure_machine(cache_root())
    why = "asked for" if config.features_in == "disk" or machine.memory is None else (
        f"training holds up to four copies of {matrix}{machine.sharers}, "
        f"and this machine has {in_words(machine.memory)}"
    )  # fmt: skip
    blocks = Blocks.of(rows)
    order = "in the order of one whole shuffle"
    if blocks.mixed < blocks.count:
        batch = in_batches(config, len(rows)).batch_size
        worst = spread(batch, blocks=blocks.count, mixed=blocks.mixed, rows=len(rows))
        order = (
            f"in {blocks.count:,} blocks, {blocks.mixed:,} mixed at once: batches vary 1 to {worst:.2f} times as much "
            "as after a whole shuffle, 1 where the table is in no order"
        )
    words = f"the features stay on disk ({why}) and are read {order}. Neighbours do not vote"
    report(Event("notice", words, data={"code": "features-on-disk"}))
